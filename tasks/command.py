"""Runs a program: argument list in, its output line by line into the log, a time limit that holds in any thread."""

import logging
import re
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tasks.errors import ReleaseRefused

log = logging.getLogger(__name__)
TAIL_LINES = 40
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
GRACE_SECONDS = 5


class CommandFailed(ReleaseRefused):
    """A program ended with another exit code than 0; `tail` is the end of what it said."""

    def __init__(self, what: str, where: str = "", next_step: str = "", tail: Sequence[str] = ()) -> None:
        from tasks.models import Reason

        shown = "\n".join(f"    {line}" for line in tail)
        super().__init__(Reason(what=f"{what}\n{shown}" if shown else what, where=where, next_step=next_step))
        self.tail = tuple(tail)


def run(
    argv: Sequence[str],
    *,
    name: str,
    timeout_seconds: float,
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    log_file: Path | None = None,
) -> list[str]:
    """Runs `argv` to its end and returns the last lines it printed, both streams in order.

    Each line goes to the log as `name: line` and, all of them, to `log_file`. The child stays in this process
    group, so that a cancelled run takes it along. Raises `CommandFailed` with the last 40 lines.
    """
    process = subprocess.Popen(
        argv, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    )
    expired = threading.Event()
    timer = threading.Timer(timeout_seconds, lambda: (expired.set(), _end(process)))
    timer.daemon = True
    timer.start()
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        with log_file.open("ab") if log_file else _Nowhere() as sink:
            for raw in process.stdout or ():
                sink.write(raw)
                line = printable(raw.decode(errors="replace").rstrip())
                tail.append(line)
                log.info("%s: %s", name, line)
        code = process.wait()
    finally:
        timer.cancel()
        _end(process)
    where = f"{argv[0]}, full output in {log_file}" if log_file else " ".join(argv[:4])
    if expired.is_set():
        raise CommandFailed(
            f"{name}: stopped after its limit of {timeout_seconds:g} s",
            where,
            "raise the timeout, or find what hangs",
            tail,
        )
    if code:
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise CommandFailed(f"{name}: ended with {ended}", where, "mend what the last lines say, then push again", tail)
    return list(tail)


def printable(text: str) -> str:
    """The text without colours and with control characters spelled out: no output can forge or hide a line of the log."""
    plain = COLOURS.sub("", text)
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in plain)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Nowhere:
    """Stands for the log file when none is wanted."""

    def __enter__(self) -> "_Nowhere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, _: bytes) -> None:
        """Forgets the bytes."""
