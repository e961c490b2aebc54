"""Whether a run's verdict is settled: what still runs for it is cancelled then, because nobody needs its result."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import ReleaseRefused

_settled = threading.Event()
_lock = threading.Lock()
_pushing: list[str] = []


class NotNeeded(ReleaseRefused):
    """A check that was ended, or not begun, because the gate had said no already. It is no reason of its own."""


def is_settled() -> bool:
    """Whether what this process does for its gate is to end."""
    return _settled.is_set()


def not_needed(name: str) -> NotNeeded:
    """What a check that was cancelled ends with."""
    return NotNeeded.because(f"{name}: cancelled, its result was not needed", "", "see the other reasons")


def require_needed(name: str) -> None:
    """Raises `NotNeeded` when the verdict is settled; loops and waits ask this."""
    if _settled.is_set():
        raise not_needed(name)


def settle() -> None:
    """From now on nothing is needed any more; programs that `tasks.command` runs end within a second or the grace they get."""
    _settled.set()


def begin_again() -> None:
    """Results are needed again: every check of the settled verdict has ended."""
    _settled.clear()


@contextmanager
def pushing(name: str) -> Iterator[None]:
    """Tells that one check has come so far that it can only push: its image is built, and no verdict waits for the rest."""
    with _lock:
        _pushing.append(name)
    try:
        yield
    finally:
        with _lock:
            _pushing.remove(name)


def pushes() -> int:
    """How many checks do nothing but push."""
    return len(_pushing)
