"""How rings move in one run of a Prefect server: git and the customers' HTTP servers are real, a retry finds what was stored."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from prefect import flow

from tasks import ring as rings
from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops.hold import hold, release_hold
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Outcome, Release, ReleaseRequest
from tests.harness import prefect_harness
from tests.tasks.gitops.conftest_gitops import KUSTOMIZATION, config_for, release_of

NAMES = ("bre", "dal", "fjord")
SOAK_SECONDS = 20
"""More than two releases take one after the other."""


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_harness():
        yield


class Fleet:
    """Three customers, of whom some never get further than what they ran, and releases of an app of three commits."""

    def __init__(self, app: Any, gitops: Any, url: str) -> None:
        self.gitops, self.bad, self.asked = gitops, set[str](), list[str]()
        self.commits = [app.commit({"backend/a": str(n), "frontend/a": "1"}, f"change {n}") for n in range(3)]
        gitops.commit({f"customers/{n}/kustomization.yaml": KUSTOMIZATION.format(name=n) for n in NAMES}, "customers")
        self.settings = config_for(app.url, gitops.url).model_dump(mode="json", by_alias=True)
        self.settings["rings"] = [{"name": "canary", "customers": ["fjord"]}, {"name": "all", "customers": "*"}]
        versions = {"backend": "/version"}
        self.settings["rollout"] = {"url": url, "versions": versions, "timeout": 2, "on_failure": "rollback"}
        Mirror.open(app.url).fetch("main")

    @property
    def config(self) -> Config:
        return Config.model_validate(self.settings)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", self.gitops.url, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def stated(self, customer: str) -> dict[str, Any]:
        return yaml.safe_load(self.git("show", f"main:.slipway/customers/{customer}.yaml"))["release"]

    def answer(self, customer: str) -> str:
        self.asked.append(customer)
        return "0" * 40 if customer in self.bad else str(self.stated(customer)["components"]["backend"]["revision"])

    def release(self, number: int, attempts: int = 1, between: Callable[[], None] = lambda: None) -> list[Outcome]:
        """One run's outcomes; further attempts find what the first one stored, as a click on Retry does."""
        release = release_of(self.commits[number], number + 1)

        @flow(persist_result=True)
        def run() -> list[Outcome]:
            outcomes = self.promote(release)
            for _ in range(attempts - 1):
                between()
                outcomes = self.promote(release)
            return outcomes

        return run()

    def promote(self, release: Release) -> list[Outcome]:
        from tasks import steps

        config, request = self.config, ReleaseRequest(commit=release.commit)
        plan = steps.make_plan(config, release, self.fleet(config))
        moved = rings.Moved(plan.tip)
        for ring in plan.rings:
            moved = rings.promote_ring(config, request, plan, ring, moved)
        return list(moved.outcomes)

    def fleet(self, config: Config) -> Any:
        """The fleet as the run's first attempt read it."""
        from tasks import steps

        return steps.read_fleet(config)


@pytest.fixture
def fleet(server: None, repository: Callable) -> Iterator[Fleet]:
    class Customer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"commit": there.answer(self.path.split("/")[1])})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http.server_port}/{{customer}}"
        there = Fleet(repository("app"), repository("gitops"), url)
        yield there
        http.shutdown()


def named(outcomes: list[Outcome]) -> dict[str, str]:
    return {o.customer: o.outcome for o in outcomes}


def test_a_ring_with_failures_that_may_be_is_followed_by_the_next_one(fleet: Fleet) -> None:
    fleet.settings["rings"][0]["max_failures"] = 1
    fleet.release(0)
    fleet.bad = {"fjord"}
    assert named(fleet.release(1)) == {"fjord": "rolled back", "bre": "promoted", "dal": "promoted"}


def test_a_retry_after_a_rollback_begins_no_further_ring(fleet: Fleet) -> None:
    assert set(named(fleet.release(0)).values()) == {"promoted"}
    fleet.bad = {"fjord"}
    outcomes = fleet.release(1, attempts=2)
    assert named(outcomes) == {"fjord": "rolled back", "bre": "refused", "dal": "refused"}
    assert fleet.stated("bre")["commit"] == fleet.commits[0]
    assert "slipway release-hold fjord" in outcomes[0].next_step


def test_the_same_release_again_goes_no_further_than_where_it_failed(fleet: Fleet) -> None:
    fleet.release(0)
    fleet.bad = {"fjord"}
    fleet.release(1)
    fleet.bad = set()
    outcomes = fleet.release(1)
    assert named(outcomes) == {"fjord": "rolled back", "bre": "refused", "dal": "refused"}
    fleet.settings["rollout"]["on_failure"] = "stop"
    assert named(fleet.release(1)) == {"fjord": "failed", "bre": "refused", "dal": "refused"}
    assert named(fleet.release(2)) == {"fjord": "held", "bre": "promoted", "dal": "promoted"}


def test_a_ring_with_failures_that_may_be_soaks_all_the_same(fleet: Fleet) -> None:
    fleet.settings["rings"] = [{"name": "all", "customers": "*", "soak": 1, "max_failures": 1}]
    fleet.release(0)
    fleet.bad = {"fjord"}
    seen = len(fleet.asked)
    assert named(fleet.release(1)) == {"bre": "promoted", "dal": "promoted", "fjord": "rolled back"}
    assert fleet.asked[seen:].count("bre") == 2, "once when it moved, once after the soak"


def test_a_remote_that_takes_no_push_ends_with_an_outcome_for_everybody(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import steps

    monkeypatch.setattr(steps.commit_ring, "retries", 0)
    fleet.release(0)
    hook = Path(fleet.gitops.url, "hooks/update")
    hook.write_text("#!/bin/sh\necho disk full >&2\nexit 1\n")
    hook.chmod(0o755)
    outcomes = fleet.release(1)
    assert named(outcomes) == dict.fromkeys(NAMES, "refused")
    assert "takes no push" in outcomes[0].because
    assert all(o.next_step for o in outcomes)


def test_who_is_taken_back_by_a_person_stops_the_rings_behind_whatever_becomes_of_the_hold(fleet: Fleet) -> None:
    fleet.release(0)
    fleet.settings["rings"][0]["soak"] = 3
    person = Thread(target=take_back, args=(fleet,))
    person.start()
    outcomes = fleet.release(1, attempts=2, between=lambda: release_hold(fleet.config, ["fjord"], "kari"))
    person.join()
    assert named(outcomes) == {"fjord": "failed", "bre": "refused", "dal": "refused"}
    assert f"it is to run {fleet.commits[0][:7]}" in outcomes[0].because
    assert fleet.stated("bre")["commit"] == fleet.commits[0]


def take_back(fleet: Fleet) -> None:
    """As soon as the canary has been moved a person puts it back."""
    while fleet.stated("fjord")["commit"] != fleet.commits[1]:
        time.sleep(0.05)
    rollback(fleet.config, ["fjord"], Hold(reason="orders are lost", owner="kari"))


def test_a_soak_is_of_the_images_and_only_where_somebody_moves_behind(fleet: Fleet) -> None:
    fleet.release(0)
    others = ["bre", "dal"]
    hold(fleet.config, others, Hold(reason="stocktaking", owner="kari"))
    assert named(fleet.release(1)) == {"fjord": "promoted", "bre": "held", "dal": "held"}
    release_hold(fleet.config, others, "kari")
    fleet.settings["rings"][0]["soak"] = SOAK_SECONDS
    seen = len(fleet.asked)
    assert named(fleet.release(1)) == {"fjord": "unchanged", "bre": "promoted", "dal": "promoted"}
    assert fleet.asked[seen:].count("fjord") == 2, "before the rest of its soak, and after it"
    fleet.settings["rings"][0]["soak"] = 3600
    seen = len(fleet.asked)
    assert set(named(fleet.release(1)).values()) == {"unchanged"}
    assert fleet.asked[seen:].count("fjord") == 1
