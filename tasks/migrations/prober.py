"""Speaks with `probe.py`, which runs beside the app: by its own interpreter here, or in its own image."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.errors import ReleaseRefused

PROGRAM = Path(__file__).parent / "probe.py"
# Seconds beyond the limits that the probe keeps itself, for what it reads and imports.
SLACK_SECONDS = 60

Ask = Callable[..., dict[str, Any]]


class Conversation:
    """A probe that is running; orders may be told before their answer is wanted."""

    def __init__(self, folder: Path, python: str = "") -> None:
        orders, answers = os.pipe(), os.pipe()
        self._errors = tempfile.TemporaryFile()
        self.python = python or interpreter()
        try:
            self._process = subprocess.Popen(
                [self.python, str(PROGRAM), str(orders[0]), str(answers[1])],
                cwd=folder,
                env=environment(os.environ, folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(orders[0], answers[1]),
                start_new_session=True,
            )
        except OSError as error:
            raise ReleaseRefused.because(
                f"the interpreter does not start: {error}", self.python, "give --python, the interpreter with the app's dependencies"
            ) from error
        finally:
            os.close(orders[0])
            os.close(answers[1])
        self._orders, self._answers = os.fdopen(orders[1], "w"), os.fdopen(answers[0])

    def tell(self, **order: Any) -> None:
        """Gives an order and does not wait."""
        try:
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()
        except BrokenPipeError:
            pass  # `hear` says how it ended

    def hear(self, seconds: float) -> dict[str, Any]:
        """The answer to the order told longest ago. Raises `ReleaseRefused` when the probe ends, or takes too long."""
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            line = self._answers.readline()
        finally:
            timer.cancel()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read()[-2000:].decode(errors="replace").strip()
            why = f"stopped after {seconds:g} s" if code == -9 else f"ended with exit code {code}"
            raise ReleaseRefused.because(
                f"the migrations could not be read: {self.python} {why}\n{said}",
                "while the revision files were imported",
                "import them by hand with the same interpreter, or give --python",
            )
        return json.loads(line)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Gives an order and waits for its answer."""
        self.tell(**order)
        return self.hear(SLACK_SECONDS + max((job["seconds"] for job in order.get("jobs", ())), default=0.0))

    def close(self) -> None:
        """Ends the probe."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._answers.close()
        self._errors.close()
        try:
            self._orders.close()
        except BrokenPipeError:
            pass


@contextmanager
def conversation(folder: Path, python: str = "") -> Iterator[Conversation]:
    """A probe in this folder, run by the app's interpreter; killed at the end of the block."""
    running = Conversation(folder, python)
    try:
        yield running
    finally:
        running.close()


def interpreter() -> str:
    """The virtual environment that is active, else the interpreter that runs Slipway."""
    active = os.environ.get("VIRTUAL_ENV")
    return str(Path(active, "bin", "python")) if active else sys.executable


def environment(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What the app's settings may need; addresses of databases are replaced by the probe, libpq's files are left out."""
    left_out = ("PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGHOSTADDR", "PGOPTIONS")
    kept = {k: v for k, v in given.items() if k not in left_out and not k.startswith("PREFECT_")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
