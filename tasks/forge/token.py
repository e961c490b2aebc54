"""Reads the forge's token from where the configuration says it is."""

import os
from pathlib import Path

from tasks.config.forge import Forge
from tasks.errors import ConfigInvalid
from tasks.secrets.masking import learn


def read_token(settings: Forge) -> str:
    """The token. Raises `ConfigInvalid` when there is none, or none that can stand in a header; never shows it."""
    if settings.token_env is not None:
        place, token = f"${settings.token_env}", os.environ.get(settings.token_env, "").strip()
    else:
        place = str(settings.token_file)
        try:
            token = Path(place).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigInvalid.because(
                f"the forge's token cannot be read: {error.strerror}", place, "mount the file or correct token_file"
            ) from error
        except UnicodeDecodeError:
            token = "\0"  # noqa: S105 - not a token, which is told below
    if not token:
        raise ConfigInvalid.because("there is no token for the forge", place, "put the token there; it is empty now")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigInvalid.because("what is there is not a token", place, "put the token there, and nothing else")
    learn(token)
    return token
