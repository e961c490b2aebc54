"""The forges, in one list."""

import ssl
from collections.abc import Callable, Mapping

from tasks.config.forge import Forge
from tasks.errors import ConfigInvalid
from tasks.forge.client import Client
from tasks.forge.gitea import Gitea
from tasks.forge.github import GitHub
from tasks.forge.gitlab import GitLab
from tasks.forge.token import read_token

FORGES: Mapping[str, Callable[[Forge, str], Client]] = {"github": GitHub, "gitlab": GitLab, "gitea": Gitea}


def connect(settings: Forge) -> Client:
    """The client for the configured forge, for a `with` block. Raises `ConfigInvalid` without a token or its ca_file."""
    if settings.ca_file:
        _check_authority(settings.ca_file)
    return FORGES[settings.kind](settings, read_token(settings))


def _check_authority(path: str) -> None:
    """The libraries tell a wrong file each in its own way, and only when they connect."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigInvalid.because(
            f"ca_file cannot be used: {error.strerror or error}",
            path,
            "name a PEM file with the authority's certificate",
        ) from error
