"""Runs a program: argument list in, its output line by line into the log, a time limit that holds in any thread."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from tasks.errors import ReleaseRefused, SlipwayError
from tasks.output import TAIL_LINES as TAIL_LINES
from tasks.output import follow
from tasks.output import printable as printable
from tasks.settled import is_settled, not_needed

CHUNK_BYTES = 65_536
GRACE_SECONDS = 5
LOOK_SECONDS = 0.25
Stop = Callable[[], SlipwayError | None]


class CommandFailed(ReleaseRefused):
    """A program ended with another exit code than 0; `tail` is the end of what it said."""

    def __init__(self, what: str, where: str = "", next_step: str = "", tail: Sequence[str] = ()) -> None:
        from tasks.models import Reason

        shown = "\n".join(f"    {line}" for line in tail)
        super().__init__(Reason(what=f"{what}\n{shown}" if shown else what, where=where, next_step=next_step))
        self.tail = tuple(tail)


class TimedOut(CommandFailed):
    """A program was ended at its time limit."""


def run(
    argv: Sequence[str],
    *,
    name: str,
    timeout_seconds: float,
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    log_file: Path | None = None,
    stop: Stop = lambda: None,
) -> list[str]:
    """Runs `argv` to its end and returns the last lines it printed, both streams in order.

    Each line goes to the log as `name: line` and, all of them, to `log_file`, see `output.follow`. The child stays in this process
    group, so that a cancelled run takes it along. `stop` is asked several times a second: the error that it gives ends the program
    and is raised. Raises `CommandFailed` with the last 40 lines, `NotNeeded` when the run's verdict was settled meanwhile.
    """
    where = f"{argv[0]}, full output in {log_file}" if log_file else " ".join(argv[:4])
    process = subprocess.Popen(
        argv, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    )
    with _Watch(process, [_needed(name), stop, _in_time(name, timeout_seconds, where)]) as watch:
        tail = follow(_chunks(process), name, log_file)
        code = process.wait()
    if isinstance(watch.error, CommandFailed):
        reason = watch.error.reasons[0]
        raise type(watch.error)(reason.what, reason.where, reason.next_step, tail)
    if watch.error:
        raise watch.error
    if code:
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise CommandFailed(f"{name}: ended with {ended}", where, "mend what the last lines say, then push again", tail)
    return list(tail)


class _Watch:
    """Ends a program as soon as one of the questions has an error for it; leaves nothing of it behind."""

    def __init__(self, process: subprocess.Popen[bytes], questions: Sequence[Stop]) -> None:
        self.error: SlipwayError | None = None
        self._process, self._questions = process, questions
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        _end(self._process)

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if error := next((e for question in self._questions if (e := question())), None):
                self.error = error
                _end(self._process)
                return


def _needed(name: str) -> Stop:
    return lambda: not_needed(name) if is_settled() else None


def _in_time(name: str, seconds: float, where: str) -> Stop:
    deadline = time.monotonic() + seconds

    def late() -> SlipwayError | None:
        if time.monotonic() < deadline:
            return None
        return TimedOut(
            f"{name}: stopped after its limit of {seconds:g} s", where, "raise the timeout, or find what hangs"
        )

    return late


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the program has said so far, each time it says something."""
    while process.stdout and (chunk := process.stdout.read1(CHUNK_BYTES)):  # type: ignore[attr-defined]
        yield chunk


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it with its children: one that stays would keep the pipe open, and us with it."""
    if process.poll() is not None:
        return
    children = _children(process.pid)
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(children, timeout=0.5)
    for child in alive:
        child.kill()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
