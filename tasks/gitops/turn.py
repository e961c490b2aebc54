"""Whose turn it is to push to a repository, among the writers of one machine: a courtesy, never what safety rests on.

Writers that all try at once make each other plan again and again, and the unlucky ones wait for ever. So each
waits for a turn. The lock of the git server decides all the same, and a turn that does not come is not waited for.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import random
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 30
POLL_SECONDS = 0.05


@contextlib.contextmanager
def turn(repository: str) -> Iterator[bool]:
    """Waits until it is this writer's turn at a repository, or until patience ends, and keeps it for the length of a block.

    Gives whether it had to wait. A process that dies gives its turn back (flock(2)).
    """
    name = hashlib.sha256(repository.encode()).hexdigest()[:16]
    try:
        file = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        log.info("no place to wait for a turn: %s", error)
        yield False
        return
    try:
        yield _waited(file, time.monotonic() + PATIENCE_SECONDS)
    finally:
        os.close(file)


def _waited(file: int, until: float) -> bool:
    waited = False
    while not _is_free(file) and time.monotonic() < until:
        waited = True
        time.sleep(random.uniform(0, POLL_SECONDS))  # noqa: S311 - not a secret
    return waited


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder() -> Path:
    """Shared by the writers of one user, whichever Slipway home they have. Raises `OSError` when it is another user's."""
    folder = Path(tempfile.gettempdir()) / f"slipway-turns-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder
