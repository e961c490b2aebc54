"""The token of a server, from where the deployment put it; never in a log, an error or a repr."""

import os
from pathlib import Path

from tasks.config.rollout import Server
from tasks.errors import ReleaseRefused
from tasks.secrets.masking import learn

LONGEST = 100_000


def read_token(server: Server) -> str:
    """Read anew each time: a mounted token is renewed while a release waits. Raises `ReleaseRefused` without one."""
    if server.token_env:
        token, where = os.environ.get(server.token_env, ""), f"environment variable {server.token_env}"
    else:
        token, where = _from_file(Path(server.token_file or "")), f"file {server.token_file}"
    token = token.strip()
    # Control characters would end the header; other letters cannot be in one.
    if not token or not token.isascii() or not token.isprintable():
        raise ReleaseRefused.because("there is no token to ask with", where, "put the token there, then start again")
    learn(token)
    return token


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST)
    except (OSError, UnicodeDecodeError):
        return ""
