"""Ends a command that goes over one of its limits, and remembers which."""

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Literal, Self

from tasks.models import Value

LOOK_SECONDS = 1.0


class Breach(Value):
    """A limit that a command went over, and what was seen."""

    limit: Literal["timeout", "memory", "pids", "disk", "output"]
    seen: str


class Watch:
    """For the length of a block: a time limit, and a look each second at what else is limited; the first breach ends the command."""

    def __init__(self, seconds: float, look: Callable[[], Breach | None], end: Callable[[], object]) -> None:
        self.breach: Breach | None = None
        self._look, self._end, self._over = look, end, threading.Event()
        late = Breach(limit="timeout", seen=f"it ran for more than {seconds:g} s")
        self._timer = threading.Timer(seconds, self.stop, [late])
        self._timer.daemon = True
        self._looking = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._timer.start()
        self._looking.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        self._over.set()

    def stop(self, breach: Breach) -> None:
        """Ends the command; of several reasons the first counts."""
        self.breach = self.breach or breach
        self._end()

    def counted(self, chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
        """Passes on what the command says, as long as it is not more than `limit` bytes.

        The rest is read all the same: a command that cannot write cannot be ended either.
        """
        left, over = limit, Breach(limit="output", seen=f"it printed more than {size(limit)}")
        for chunk in chunks:
            if left > 0:
                yield chunk[:left]
            if left >= 0 > left - len(chunk):
                self.breach = self.breach or over
                threading.Thread(target=self._end, daemon=True).start()
            left -= len(chunk)

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if breach := self._look():
                self.stop(breach)
                return


def size(number: int) -> str:
    """Bytes as they are written in the configuration: `512m`, or as they are where that is not even."""
    for unit, power in (("g", 3), ("m", 2), ("k", 1)):
        if number % 1024**power == 0:
            return f"{number // 1024**power}{unit}"
    return f"{number} bytes"
