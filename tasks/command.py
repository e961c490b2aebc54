"""Runs a program: argument list in, its output line by line into the log, a time limit that holds in any thread."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tasks.errors import ReleaseRefused
from tasks.output import TAIL_LINES as TAIL_LINES
from tasks.output import follow
from tasks.output import printable as printable

CHUNK_BYTES = 65_536
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

    Each line goes to the log as `name: line` and, all of them, to `log_file`, see `output.follow`. The child stays in this process
    group, so that a cancelled run takes it along. Raises `CommandFailed` with the last 40 lines.
    """
    process = subprocess.Popen(
        argv, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    )
    expired = threading.Event()
    timer = threading.Timer(timeout_seconds, lambda: (expired.set(), _end(process)))
    timer.daemon = True
    timer.start()
    try:
        tail = follow(_chunks(process), name, log_file)
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


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the program has said so far, each time it says something."""
    while process.stdout and (chunk := process.stdout.read1(CHUNK_BYTES)):  # type: ignore[attr-defined]
        yield chunk


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
