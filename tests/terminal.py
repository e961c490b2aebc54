"""A terminal of its own for a program: what a person would see, what one types, and how it ended."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 90


class Terminal:
    """A program started in a terminal of that width; leaves no process behind."""

    def __init__(self, argv: Sequence[str], columns: int = 80, **env: str) -> None:
        self.shown = ""
        self._screen, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        own = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self._process = subprocess.Popen(
            argv,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            # Ctrl-C reaches a program only in the terminal that is its session's own.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**own, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **env},
        )
        os.close(inside)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def see(self, text: str) -> None:
        """Waits until the text stands there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} does not stand in {self.shown!r}"

    def type(self, text: str) -> None:
        r"""Keys as a person presses them: \r is Enter, \x03 Ctrl-C, \x04 Ctrl-D, \t the tabulator."""
        os.write(self._screen, text.encode())

    def end(self) -> int:
        """The exit code; what it showed until then stands in `shown`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE_SECONDS)

    def _read(self, deadline: float) -> bool:
        """Whether there was something to read; not when the program has ended, or the time."""
        if not select.select([self._screen], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            read = os.read(self._screen, 65_536)
        except OSError:  # Linux says so when nobody has the terminal open any more
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)


def slipway(*arguments: str, columns: int = 80, **env: str) -> Terminal:
    """The command line in a terminal."""
    return Terminal([sys.executable, "-m", "deployments", *arguments], columns, **env)
