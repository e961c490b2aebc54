"""The files of a suite that people look at afterwards: `runs/RUN/SUITE/` under the Slipway home, until they are old.

Everything in it was written by tests: what is copied out is masked, and whoever shows it trusts neither names nor contents.
"""

import shutil
import time
from itertools import count
from pathlib import Path

from tasks.containers import run_id
from tasks.home import home

ARTIFACTS, OUTPUT, JUNIT = "artifacts", "output.log", "junit.xml"
MOST_FILES = 100


def runs() -> Path:
    """Where the files of all runs are."""
    return home() / "runs"


def folder(name: str) -> Path:
    """A new folder for one attempt of a suite: a second attempt is `NAME-2`."""
    run = runs() / run_id()
    run.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        made = run / (name if number == 1 else f"{name}-{number}")
        try:
            made.mkdir()
        except FileExistsError:
            continue
        return made
    raise AssertionError("numbers end")


def files(of: Path) -> tuple[str, ...]:
    """The files in an attempt's folder, as `RUN/NAME/...`; of very many the first hundred."""
    found = sorted(p for p in of.rglob("*") if p.is_file() and not p.is_symlink())
    # What was said comes first, whatever the tests left.
    found.sort(key=lambda p: len(p.relative_to(of).parts))
    return tuple(p.relative_to(runs()).as_posix() for p in found[:MOST_FILES])


def forget_artifacts(of: Path) -> None:
    """Removes what a suite that passed left: only failures are looked at, and traces are large."""
    shutil.rmtree(of / ARTIFACTS, ignore_errors=True)


def remove_old(seconds: float) -> int:
    """Removes the files of runs that were last written so long ago; returns of how many runs."""
    old = [run for run in runs().glob("*") if run.is_dir() and time.time() - _written(run) > seconds]
    for run in old:
        shutil.rmtree(run, ignore_errors=True)
    return len(old)


def _written(run: Path) -> float:
    return max((p.stat().st_mtime for p in (run, *run.iterdir())), default=0.0)
