"""Speaks with the program in `probe/`, which runs beside the app: by its own interpreter here, or in its own image."""

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tasks.errors import ReleaseRefused

PROGRAM = Path(__file__).parent / "probe"
# Where the probe is in a container of the app.
PLACE = "/tmp/slipway-probe.pyz"  # noqa: S108
# Seconds beyond the limits that the probe keeps itself, for what it reads and imports.
SLACK_SECONDS = 60

Ask = Callable[..., dict[str, Any]]


def packed() -> bytes:
    """The probe as one file that any Python runs (Python manual, zipapp)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted(PROGRAM.glob("*.py")):
            archive.write(file, file.name)
    return content.getvalue()


class Channel(Protocol):
    """A running probe: what it is told, what it answers, and how it ended."""

    def write(self, text: str) -> None:
        """Hands it a line."""

    def readline(self, seconds: float) -> str:
        """Its next line; '' when it has ended, or said nothing for so long."""

    def ended(self) -> str:
        """How it ended, with its last words."""


class Conversation:
    """Orders and answers; an order may be told before its answer is wanted."""

    def __init__(self, channel: Channel, what: str) -> None:
        self._channel, self._what = channel, what

    def tell(self, **order: Any) -> None:
        """Gives an order and does not wait."""
        self._channel.write(json.dumps(order) + "\n")

    def hear(self, seconds: float = SLACK_SECONDS) -> dict[str, Any]:
        """The answer to the order told longest ago. Raises `ReleaseRefused` when the probe ends, or takes too long."""
        if line := self._channel.readline(seconds):
            return json.loads(line)
        raise ReleaseRefused.because(
            f"the migrations could not be read: the interpreter {self._channel.ended()}",
            self._what,
            "import the revision files by hand with it: it needs Alembic, the app's models and their driver",
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        """Gives an order and waits for its answer."""
        self.tell(**order)
        return self.hear(SLACK_SECONDS + max((job["seconds"] for job in order.get("jobs", ())), default=0.0))


@contextmanager
def conversation(folder: Path, python: str = "") -> Iterator[Conversation]:
    """A probe in this folder, run by the app's interpreter, or by Slipway's own; killed at the end of the block."""
    program = python or interpreter()
    running = Process([program, str(PROGRAM)], folder, environment(os.environ))
    try:
        yield Conversation(running, program)
    finally:
        running.kill()


class Process:
    """A probe as a process of this machine, leader of a group of its own."""

    def __init__(self, argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                argv,
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ReleaseRefused.because(
                f"the interpreter does not start: {error}",
                argv[0],
                "give --python, the interpreter with the app's dependencies",
            ) from error
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._words = b""
        for follow in (self._follow_answers, self._follow_words):
            threading.Thread(target=follow, daemon=True).start()

    def write(self, text: str) -> None:
        """Hands it a line; that it has ended is told by `readline`."""
        try:
            self._process.stdin.write(text.encode())  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            pass

    def readline(self, seconds: float) -> str:
        """Its next line; '' when it has ended, or said nothing for so long."""
        try:
            return self._lines.get(timeout=seconds).decode()
        except queue.Empty:
            self.kill()
            return ""

    def ended(self) -> str:
        """How it ended, with its last words."""
        code = self._process.wait()
        how = "was stopped: it took too long" if code == -signal.SIGKILL else f"ended with exit code {code}"
        return f"{how}\n{self._words.decode(errors='replace').strip()}".strip()

    def kill(self) -> None:
        """Ends it, with all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _follow_answers(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put(b"")

    def _follow_words(self) -> None:
        while chunk := self._process.stderr.read1(65536):  # type: ignore[union-attr]
            self._words = (self._words + chunk)[-2000:]


def interpreter() -> str:
    """The virtual environment that is active, else the interpreter that runs Slipway."""
    active = os.environ.get("VIRTUAL_ENV")
    return str(Path(active, "bin", "python")) if active else sys.executable


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What the app's settings may need; addresses of databases are replaced by the probe, libpq's files are left out."""
    left_out = ("PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGHOSTADDR", "PGOPTIONS")
    kept = {k: v for k, v in given.items() if k not in left_out}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
