"""Whole releases of another application than the demo's, on a real Prefect server, worker, registry and Docker Engine."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.states import AwaitingRetry, Cancelling

from tasks import containers
from tasks.run import stored

pytestmark = pytest.mark.slow
BROKEN = 'test("a ticket is refused", () => assert.equal(1, 2));\n'


def versions(product: Any) -> dict[str, str]:
    return {c: httpx.get(f"http://127.0.0.1:{p}/version").json()["commit"] for c, p in product.ports.items()}


def everyone(product: Any, commit: str) -> dict[str, str]:
    return dict.fromkeys(product.ports, commit)


def until(true: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not (reached := true()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return reached


def test_releases_reach_every_customer_and_change_nothing_they_need_not(product: Any, roll_out: Callable) -> None:
    roll_out()
    old = Path(product.servers.env[stored.FOLDER], "a-result-of-long-ago")
    old.parent.mkdir(exist_ok=True)
    old.touch()
    os.utime(old, (time.time() - stored.KEPT_SECONDS - 60,) * 2)
    run, state = product.release(product.first)
    assert state.name == "Completed", state.message
    assert not old.exists()
    assert any(old.parent.iterdir()), "this run's own stay"
    assert versions(product) == everyone(product, product.first)
    report = product.artifact(run, "release")
    for part in (
        "**3 of 3 customers are seen running it.**",
        "| api unit | passed | 2 |",
        "`0002_open`",
        "critical path",
    ):
        assert part in report
    assert product.left(run) == 0
    assert [subject for _, subject in product.history()] == [
        f"tickets: release {product.first[:7]} to ring all (2 customers)",
        f"tickets: release {product.first[:7]} to ring canary (1 customer)",
        "customers",
    ]

    before = product.history()
    again, state = product.release(product.first)
    assert (state.name, product.history()) == ("Completed", before)
    assert "nothing to release: nothing that api or their tests are made of has changed" in state.message
    steps = {name for name, _ in product.steps(again)}
    assert not steps & {"api unit", "test image api", "test image e2e", "check migrations"}
    tests, report = product.artifact(again, "tests"), product.artifact(again, "release")
    assert tests.count(f"/runs/flow-run/{run}") == 2, "both suites, with the run that they are of"
    assert "**Nothing to release**" in report
    assert ("| built" in report, "| reused |" in report) == (False, True)

    words = product.app.commit({"README.md": "words\n"}, "Only words")
    assert (product.release(words)[1].name, product.history()) == ("Completed", before)

    code = (product.app.work / "api/tickets.js").read_text()
    changed = product.app.commit({"api/tickets.js": code + "// more\n"}, "More")
    assert product.release(changed)[1].name == "Completed"
    assert versions(product) == everyone(product, changed)

    night = product.run("nightly/nightly")
    assert product.wait(night).name == "Completed"
    assert "e2e full" in product.artifact(night, "tests")

    _, state = product.release(product.first)
    assert state.name == "Failed"
    assert "superseded" in state.message
    assert versions(product) == everyone(product, changed)


def test_two_mistakes_are_told_together_and_nothing_is_written(product: Any) -> None:
    product.configure(addresses={"receiver": "https://slipway.example.no"})
    before = product.history()
    tests = (product.app.work / "api/test/tickets.test.js").read_text()
    commit = product.app.commit(
        {
            "api/test/tickets.test.js": tests + BROKEN,
            "api/migrations/0003_bad.sql": "ALTER TABLE nowhere ADD COLUMN x int;\n",
        },
        "Two mistakes",
    )
    run, state = product.release(commit)
    assert state.name == "Failed", state.message
    report = product.artifact(run, "release")
    for part in (
        "a ticket is refused",
        'relation "nowhere" does not exist',
        "Nothing was written to the GitOps repository",
    ):
        assert part in report
    assert '"suite": "api unit", "result": "3 failed"' in product.artifact(run, "tests")
    page = product.artifact(run, "failing-tests")
    assert "## FAILED: test::a ticket is refused" in page
    assert "tickets.test.js:" in page
    link = f"https://slipway.example.no/dashboard/-/runs/{run}/api-unit/output.log"
    assert f"[api-unit/output.log]({link})" in page
    assert (product.servers.home / "runs" / str(run) / "api-unit" / "output.log").exists()
    assert product.history() == before
    assert product.left(run) == 0


def test_a_build_that_fails_shows_the_end_of_its_log(product: Any) -> None:
    broken = "FROM node:24-slim AS test\nRUN seq 1 60 && echo no such luck && exit 7\n"
    run, state = product.release(product.app.commit({"api/Dockerfile": broken}, "Broken build"))
    assert state.name == "Failed"
    report = product.artifact(run, "release")
    assert "no such luck" in report, state.message
    assert "full output in" in report


def test_a_ring_waits_for_a_person_who_must_decide(product: Any) -> None:
    product.configure(
        rings=[{"name": "all", "customers": "*", "approve": True}],
        rollout={**product.settings["rollout"], "timeout": "1s"},
    )
    before, run = product.history(), product.start(product.first)
    assert product.wait(run, "Suspended").name == "Suspended"
    assert product.history() == before
    plan = product.artifact(run, "plan")
    assert "+spec: {image:" in plan
    asked = re.search(r"Ring all: plan `(\w+)`", plan)
    assert asked
    time.sleep(1)  # the form is stored just after the run says that it sleeps
    assert product.resume(run) == "REJECT"
    assert product.resume(run, decision="maybe", approved_by="kari", note="-", plan_hash=asked[1]) == "REJECT"
    form = {"decision": "approve", "approved_by": "kari", "note": "looks right", "plan_hash": asked[1]}
    assert product.resume(run, **form) == "ACCEPT"
    assert product.wait(run, "Failed").name == "Failed"  # nobody rolls out here
    assert len(product.history()) == len(before) + 1
    steps = product.steps(run)
    assert steps.count(("image api", "Completed")) == 1
    assert ("image api", "Cached") in steps


def test_a_rejected_ring_stays_as_it_is(product: Any) -> None:
    product.configure(rings=[{"name": "all", "customers": "*", "approve": True}])
    before, run = product.history(), product.start(product.first)
    product.wait(run, "Suspended")
    form = {"decision": "reject", "approved_by": "kari", "note": "not today", "plan_hash": "-"}
    assert until(lambda: product.resume(run, **form) == "ACCEPT", 10)
    state = product.wait(run, "Failed")
    assert "rejected by kari: not today" in state.message
    assert product.history() == before


def test_a_retry_goes_on_where_it_stopped(product: Any, roll_out: Callable) -> None:
    product.configure(rollout={**product.settings["rollout"], "timeout": "5s"})
    run, state = product.release(product.first)
    assert state.name == "Failed"
    assert "fjord: failed: fjord: not seen running the release" in state.message
    assert "bre: refused: not begun: fjord failed in ring canary" in state.message
    canary = product.history()[0]

    roll_out()
    for _ in range(
        3
    ):  # five seconds may be short for a first rollout on a busy machine; a person would press Retry too
        product.set_state(run, AwaitingRetry())
        time.sleep(1)
        state = product.wait(run)
        if state.name == "Completed":
            break
    assert state.name == "Completed", state.message
    assert versions(product) == everyone(product, product.first)
    steps = product.steps(run)
    for step in ("image api", "api unit", "check migrations", "commit ring canary", "commit ring all"):
        assert steps.count((step, "Completed")) == 1, step
    assert [subject.split(" to ")[-1] for _, subject in product.history()] == [
        "ring all (2 customers)",
        "ring canary (1 customer)",
        "customers",
    ]
    assert product.history()[1] == canary


def test_cancel_ends_the_suite_and_leaves_nothing(product: Any) -> None:
    suite = {"unit": {"run": "echo begun; sleep 300", "services": ["postgres"]}}
    product.settings["components"]["api"]["suites"] = suite
    product.configure()
    run = product.start(product.first)
    assert until(lambda: product.left(run) >= 3)
    product.set_state(run, Cancelling())
    assert product.wait(run).name == "Cancelled"
    assert until(lambda: product.left(run) == 0)


def test_a_killed_run_is_crashed_by_itself_and_cleaned_up_after(product: Any) -> None:
    product.settings["components"]["api"]["suites"] = {
        "unit": {"run": "echo begun; sleep 300", "services": ["postgres"]}
    }
    product.configure()
    run = product.start(product.first)
    assert until(lambda: product.left(run) >= 3)
    flow = [
        p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID") == str(run)
    ]
    assert flow
    for process in flow:
        process.kill()
    assert product.wait(run).name == "Crashed"
    assert until(lambda: product.left(run) == 0)


def test_what_a_dead_machine_left_is_removed_by_the_next_release(product: Any) -> None:
    first, _ = product.release("0123456789" * 4)  # a run that has ended
    client = containers.engine()
    left = client.containers.create("python:3.13-slim", labels={containers.RUN_LABEL: str(first)})
    other = client.containers.create("python:3.13-slim", labels={containers.RUN_LABEL: "another-server's-run"})
    try:
        product.release("0123456789" * 4)
        assert client.containers.list(all=True, filters={"id": left.id}) == []
        assert client.containers.list(all=True, filters={"id": other.id})
    finally:
        other.remove(force=True)


def test_a_commit_that_is_unknown_or_elsewhere_is_refused_in_words(product: Any) -> None:
    _, state = product.release("0123456789" * 4)
    assert "is not known" in state.message
    product.app.git("checkout", "--quiet", "-b", "side")
    side = product.app.commit({"api/x.js": "1\n"}, "aside", branch="side")
    _, state = product.release(side)
    assert "is not" in state.message
    assert side[:7] in state.message


def test_the_nightly_is_really_scheduled(servers: Any) -> None:
    """SQLAlchemy 2.1 made the scheduler create no runs, in silence; the lock must never bring that back."""
    from prefect import get_client
    from prefect.client.schemas.filters import DeploymentFilter

    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("nightly/nightly")
        wanted = DeploymentFilter(id={"any_": [nightly.id]})
        assert until(lambda: len(client.read_flow_runs(deployment_filter=wanted, limit=5)) > 0, 90)
    assert str(nightly.schedules[0].schedule.timezone) == "Europe/Oslo"
