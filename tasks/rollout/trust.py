"""Which authorities may vouch for a server: the system's own, or the one that `ca_file` names instead."""

import ssl

from tasks.config.rollout import Server
from tasks.errors import ReleaseRefused


def trusted(server: Server) -> ssl.SSLContext:
    """Certificates and host names are always checked. Raises `ReleaseRefused` for a `ca_file` that cannot be read."""
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ValueError) as error:
        raise ReleaseRefused.because(
            f"ca_file cannot be read: {getattr(error, 'strerror', None) or error}",
            str(server.ca_file),
            "put the PEM file there, then start again",
        ) from error
