"""Cancel from the UI ends what the release had started, wherever it was, and nothing is written after it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.states import Cancelling

from tests.flows import test_rings
from tests.flows.test_release import until

pytestmark = pytest.mark.slow
small = test_rings.small
# Nobody else on this machine sleeps for so long.
BUILD, PUSH = "sleep 7371", "sleep 7372"


def sleeping(command: str) -> bool:
    """Whether a process of exactly this command is there; the Engine's are seen, too."""
    return any((p.info["cmdline"] or []) == command.split() for p in psutil.process_iter(["cmdline"]))


def of_run(run: Any) -> list[str]:
    """Command lines of the run's processes and their children."""
    return [
        " ".join(p.info["cmdline"] or [])
        for p in psutil.process_iter(["environ", "cmdline"])
        if (p.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID") == str(run)
    ]


def builds(product: Any) -> None:
    broken = f"FROM node:24-slim\nRUN {BUILD}\n"
    product.first = product.app.commit({"api/Dockerfile": broken}, "Endless build")


def pushes(product: Any) -> None:
    hook = Path(product.gitops.url, "hooks/update")
    hook.write_text(f"#!/bin/sh\n{PUSH}\n")
    hook.chmod(0o755)


@pytest.mark.parametrize(("prepare", "command"), [(builds, BUILD), (pushes, PUSH)], ids=["build", "push"])
def test_cancel_ends_a_child_process_that_hangs(small: Any, prepare: Callable, command: str) -> None:
    prepare(small)
    before, run = small.history(), small.start(small.first)
    assert until(lambda: sleeping(command), 240)
    small.set_state(run, Cancelling())
    assert small.wait(run).name == "Cancelled"
    assert until(lambda: not sleeping(command) and not of_run(run)), of_run(run)
    assert small.history() == before
    assert small.left(run) == 0


def test_cancel_ends_the_watch_over_customers_that_do_not_come(small: Any) -> None:
    gone = {"url": "http://127.0.0.1:9/{customer}", "versions": {"api": "/version"}, "timeout": "30m"}
    small.configure(rollout=gone)
    run = small.start(small.first)
    assert until(lambda: ("commit ring canary", "Completed") in small.steps(run), 240)
    small.set_state(run, Cancelling())
    assert small.wait(run).name == "Cancelled"
    assert until(lambda: not of_run(run)), of_run(run)
    assert len(small.history()) == 2, "the canary keeps what it got; the next ring was not written"


def test_the_first_refusal_cancels_the_rest_where_that_is_asked_for(small: Any) -> None:
    """The test image is there at once and its suite says no, while the image that would be deployed builds without end."""
    number = "sleep 7373"
    dockerfile = f"FROM node:24-slim AS test\nFROM test\nRUN {number}\n"
    commit = small.app.commit({"api/Dockerfile": dockerfile}, "Endless build, red suite")
    api = small.settings["components"]["api"] | {"suites": {"unit": {"run": "sleep 5; exit 3"}}}
    small.configure(components={"api": api}, gate={"fail": "fast"})
    before = small.history()
    run, state = small.release(commit)
    assert state.name == "Failed" and "ended with exit code 3" in state.message
    assert "not needed" not in state.message
    assert until(lambda: not sleeping(number) and not of_run(run)), of_run(run)
    assert ("image api", "Failed") in small.steps(run)
    assert small.history() == before and small.left(run) == 0
    page = small.artifact(run, "release")
    assert "## Cancelled" in page and "image api: cancelled, its result was not needed" in page
