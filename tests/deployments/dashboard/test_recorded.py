"""A run's steps as bars; and a Prefect server that has them, has forgotten them, or is not there."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments import services
from deployments.dashboard.recorded import Records, as_recorded
from tasks.models import Span
from tests.ports import free_port

ADDRESSES = SimpleNamespace(addresses=SimpleNamespace(prefect=None))
SECONDS = 60
STORY = """
from prefect import flow, task
from prefect.runtime import flow_run

one, two = task(lambda: 1, name="first step"), task(lambda _: 2, name="second step")

@flow
def story():
    two(one.submit())
    print(flow_run.id)

story()
"""


def test_the_chain_that_decided_is_marked_and_a_night_without_work_is_drawn_short() -> None:
    spans = {
        "build": Span(name="image", start=0, end=60),
        "test": Span(name="unit", start=0, end=20),
        "gate": Span(name="gate", start=60, end=70, after=("build", "test")),
        "commit": Span(name="commit", start=36_000, end=36_010, after=("gate",)),
    }
    found = as_recorded("run", "Completed", "", spans)
    assert [b.name for b in found.critical] == ["image", "gate", "commit"]
    assert (found.busy_seconds, found.waited_seconds) == (80, 36_000 - 70)
    # 60 + 10 + a pause of 30 + 10 seconds are drawn.
    bars = {b.name: b for b in found.bars}
    assert bars["commit"].left == pytest.approx(100 * 100 / 110, abs=0.01)
    assert bars["image"].width == pytest.approx(100 * 60 / 110, abs=0.01)
    assert all(b.left >= 0 and b.left + b.width <= 100.5 for b in found.bars)


def test_a_run_without_steps_says_so() -> None:
    assert "no finished steps" in as_recorded("run", "Pending", "", {}).problem


def test_a_server_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    port = free_port(4950)
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        assert "does not answer" in Records(ADDRESSES).of(str(uuid.uuid4())).problem  # type: ignore[arg-type]
    assert "names no run" in Records(ADDRESSES).of("run-1").problem  # type: ignore[arg-type]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Prefect server of this test."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    port = free_port(4960)
    with services.prefect_server(tmp_path / "prefect", port) as started:
        started.wait_ready()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
            yield f"http://127.0.0.1:{port}"


def story(server: str) -> str:
    """A run of two steps that has ended, in a process of its own: what tells a server of steps goes on to the first one it met."""
    env = {**os.environ, "PREFECT_API_URL": f"{server}/api"}
    done = subprocess.run([sys.executable, "-c", STORY], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def test_the_steps_of_a_real_run_are_found(server: str) -> None:
    run, deadline = story(server), time.monotonic() + SECONDS
    while True:  # the server learns of a step a moment after it
        records = Records(ADDRESSES)  # type: ignore[arg-type]
        found = records.of(run)
        if len(found.bars) == 2 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert [b.name.split("-")[0] for b in found.critical] == ["first step", "second step"]
    assert (found.state, found.problem) == ("Completed", "")
    assert found.url == f"{server}/runs/flow-run/{run}"
    assert records.of(run) is found
    assert "no longer knows" in records.of(str(uuid.uuid4())).problem
