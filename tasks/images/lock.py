"""Who builds a content while others need it too: one at a time on this machine, whichever run or process it is."""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.home import home
from tasks.settled import require_needed

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2


@contextmanager
def held(content: str) -> Iterator[None]:
    """Waits until nobody else here has this content, and has it for the block. A process that dies gives it back (flock(2)).

    It is waited for without end: whoever has it builds or tests within a time limit of its own. Raises `NotNeeded` when the
    verdict is settled meanwhile.
    """
    folder = home() / "locks" / "contents"
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / hashlib.sha256(content.encode()).hexdigest()
    file = _taken(place, content)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            place.unlink()  # before it is given back: whoever waits sees that the file is another one
        os.close(file)


def _taken(place: Path, content: str) -> int:
    told = False
    while True:
        file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), place.stat()):
                return file
        os.close(file)
        if not told:
            log.info("%s: another release is at it; waiting for what comes of it", content)
        told = True
        require_needed(content)
        time.sleep(POLL_SECONDS)
