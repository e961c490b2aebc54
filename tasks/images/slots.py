"""How many builds run at once on one machine: so many lock files, which the system frees when a process dies."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.home import home
from tasks.settled import require_needed

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.2
MOST = 8


@contextmanager
def build_slot(name: str, at_once: int | None) -> Iterator[None]:
    """Waits until fewer than `at_once` builds (none said: as many as there are cores, 8 at most) run with this Slipway home.

    All releases of the worker share them. Raises `NotNeeded` when the verdict is settled while it waits.
    """
    number = at_once or max(1, min(MOST, os.cpu_count() or 1))
    slot, waited = _take(number), False
    while slot is None:
        require_needed(f"build {name}")
        if not waited:
            log.info("%s: waits, %d builds run already (builds_at_once)", name, number)
        waited = True
        time.sleep(LOOK_SECONDS)
        slot = _take(number)
    try:
        yield
    finally:
        os.close(slot)


def _take(number: int) -> int | None:
    """The file of a slot that is free, locked; None when none is. Two threads hold two slots as two processes do."""
    folder = home() / "locks" / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    return next((slot for n in range(number) if (slot := _lock(folder / str(n))) is not None), None)


def _lock(path: Path) -> int | None:
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
