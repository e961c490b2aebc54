"""Sixteen writers at once, each a process with a clone of its own: nothing is lost, nothing is there twice, no step goes back."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability import history, writer
from tests.reliability.size import LARGE
from tests.reliability.world import World

WRITERS = 16


def run(world: World, folder: Path, writers: int, releases: int, machines: int) -> list[dict]:
    """What every writer of these machines was told; each ends by itself."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reliability.writer"])
    started = [
        context.Process(target=writer.work, args=(world, n, writers, releases, folder, n % machines))
        for n in range(writers)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * writers
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.open()]


@pytest.mark.parametrize("machines", [1, 4])
def test_all_writers_land_in_order_and_once(
    make: Callable[..., World], tmp_path: Path, machines: int, record_property: Callable
) -> None:
    releases = (50 if machines == 1 else 10) if LARGE else (5 if machines == 1 else 1)
    world = make(customers=100, commits=WRITERS * releases)
    base = world.tip
    reports = run(world, tmp_path, WRITERS, releases, machines)
    wrong = history.problems(world, base, reports)
    record_property("figure", f"{WRITERS} writers x {releases} on {machines} machine{'s' * (machines > 1)}")
    record_property("cases", len(reports))
    record_property("wrong", len(wrong))
    record_property("longest_wait", max(r["seconds"] for r in reports))
    assert wrong == []
    assert {"promote", "superseded"} <= {s for r in reports for s, _ in r.get("standing", {}).values()}
