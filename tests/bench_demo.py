"""A release of the demo from push to ten customers: the first one, one without a change, and one line beside the same by hand."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import yaml
from rich.console import Console

from deployments.demo import ending, run
from deployments.demo.world import World, open_world
from tests import bench_release

CHANGES = 3
PROGRAM = str(Path(sys.executable).parent / "slipway")


def timed(name: str, argv: Sequence[str], times: int = 3, **env: str) -> str:
    """Runs a command some times, prints minimum and median, returns the last output."""
    seconds, output = [], ""
    for _ in range(times):
        start = time.monotonic()
        done = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - start)
        output = done.stdout
    seconds.sort()
    print(f"{name:<52} min {seconds[0]:7.2f} s   median {seconds[len(seconds) // 2]:7.2f} s", flush=True)
    return output


def main(folder: Path) -> None:
    """Prints one line per figure. The demo's world is made in `folder`, and nothing of it stays running."""
    env = {"SLIPWAY_DEMO_HOME": str(folder), "ONCE": "1"}
    try:
        timed("slipway demo, first run with warm image caches", [PROGRAM, "demo"], 1, **env)
        world = open_world(folder)
        print(_times(_report(world)))
        timed("slipway demo, nothing changed", [PROGRAM, "demo"], 1, **env)
        report = _report(world)
        print(_times(report))
        said = f"{_built(report)} images built, {_ran(report)} suites run"
        print(f"    {said}, until the plan {bench_release.until_plan(report):.1f} s; the rest is writing and watching")
        _one_line(world)
        given = {"SLIPWAY_CONFIG": str(world.config), "SLIPWAY_HOME": str(world.home)}
        timed("slipway status, ten customers", [PROGRAM, "status"], 5, **given)
        shown = ["git", "-C", str(world.gitops_remote), "show", "main:README.md"]
        timed("git show of one file (the raw tool)", shown, 5)
    finally:
        _clean(env)
        bench_release.forget()


def _report(world: World) -> str:
    return (world.report / "report.md").read_text()


def _times(report: str) -> str:
    return next((line for line in report.splitlines() if line.startswith("Steps ran")), "no times in the report")


def _one_line(world: World) -> None:
    """Up to the plan, beside the same by hand while the same servers and customers run; each builds a change of its own.

    Once without `migrations` in release.yaml, which is what is done by hand, and once with.
    """
    whole = world.config.read_text()
    without = yaml.safe_dump({k: v for k, v in yaml.safe_load(whole).items() if k != "migrations"}, sort_keys=False)
    numbers, console = count(), Console(quiet=True)
    with ExitStack() as stack:
        run.bring_up(world, stack, console)
        for what, text in (("without migration checks", without), ("with migration checks", whole)):
            world.config.write_text(text)
            pairs = [_pair(world, console, next(numbers), next(numbers)) for _ in range(CHANGES)]
            ours, theirs = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
            told = f"release {ours:.1f} s, by hand {theirs:.1f} s, ratio {ours / theirs:.2f}"
            print(f"{f'one line up to the plan, {what}':<52} {told}", flush=True)


def _pair(world: World, console: Console, first: int, second: int) -> tuple[float, float]:
    """Seconds of a release, and of the same by hand."""
    bench_release.change_one_line(world, first)
    parts = bench_release.by_hand(world, _image(_report(world), "frontend"))
    bench_release.change_one_line(world, second)
    begun, commit = run.push(world, console)
    state = run.follow(world, begun, once=True, console=console)
    if not ending.show(world, begun.id, commit, state, console):
        raise RuntimeError(f"the release ended as {state.name}: {state.message}")
    report = _report(world)
    print(f"    {_built(report)} images built, {_ran(report)} suites run; by hand: " + _told(parts), flush=True)
    return bench_release.until_plan(report), sum(parts.values())


def _told(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())


def _image(report: str, component: str) -> str:
    found = re.search(rf"^\| {component} \| `([^`]+)` \|", report, re.MULTILINE)
    if not found:
        raise RuntimeError(f"the report names no image of {component}")
    return found[1]


def _built(report: str) -> int:
    return len(re.findall(r"\| built( by [^|]*)? \|", report))


def _ran(report: str) -> int:
    """Rows of the table of tests that were not reused from another run."""
    rows = re.findall(r"^\| [^|]+ \| (?:passed|\d+ failed) \|.*$", report, re.MULTILINE)
    return sum(not re.search(r"\(\d{4}-\d\d-\d\d\) \|$", row) for row in rows)


def _clean(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.demo.clean"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not re.search("removed", done.stdout):
        print(done.stdout + done.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as made:
        main(Path(made, "world"))
