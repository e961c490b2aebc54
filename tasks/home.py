"""The Slipway home: mirrors, logs, and scratch files that live as long as their process."""

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from tasks.errors import ConfigInvalid


def home() -> Path:
    """Where mirrors, logs and scratch files live: $SLIPWAY_HOME, else ~/.cache/slipway. Raises `ConfigInvalid`."""
    directory = Path(os.environ.get("SLIPWAY_HOME") or Path.home() / ".cache" / "slipway")
    next_step = "set SLIPWAY_HOME to a folder that this user may write to"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigInvalid.because(
            f"the Slipway home cannot be made: {error.strerror}", str(directory), next_step
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigInvalid.because("nothing can be written to the Slipway home", str(directory), next_step)
    return directory


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder for the length of a block. What a killed process left is removed by `sweep`."""
    folder = home() / "scratch" / f"{name}.{own_name()}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Removes scratch folders whose process is gone."""
    for folder in (home() / "scratch").glob("*"):
        if not is_alive(folder.name.partition(".")[2]):
            shutil.rmtree(folder, ignore_errors=True)


def own_name() -> str:
    """Names what this process makes for a moment, so that others can tell whether it still lives."""
    return f"{os.getpid()}.{secrets.token_hex(6)}.{socket.gethostname()}"


def is_alive(name: str) -> bool:
    """Whether the process that made this may still run: one of another machine that shares the home cannot be seen."""
    number, _, rest = name.partition(".")
    elsewhere = rest.partition(".")[2] != socket.gethostname()
    return elsewhere or (number.isdigit() and psutil.pid_exists(int(number)))
