"""Rings of a release on a real Prefect server and worker: freezes, approvals asked again, pull requests, large rings.

Customers answer what the GitOps branch says at that moment; who rolls out is not the matter here.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from prefect.states import AwaitingRetry

from tasks.run.turn import turn
from tests.contracts import ContractServer
from tests.tasks.forge.gitea_stand_in import GiteaStandIn
from tests.tasks.forge.stand_in import NAME, TOKEN

pytestmark = pytest.mark.slow
ALWAYS = {"from": "2000-01-01T00:00", "until": "2999-01-01T00:00", "reason": "holidays", "rings": ["all"]}


def git(product: Any, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", product.gitops.url, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def state(product: Any, customer: str) -> dict[str, Any]:
    return yaml.safe_load(git(product, "show", f"main:.slipway/customers/{customer}.yaml"))


@pytest.fixture
def small(product: Any) -> Iterator[Any]:
    """The app without its tests, and customers that roll out at once what the branch says."""

    class Customer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            customer = self.path.split("/")[1]
            body = json.dumps({"commit": state(product, customer)["release"]["components"]["api"]["revision"]})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for section in ("e2e", "migrations"):
            del product.settings[section]
        del product.settings["components"]["api"]["suites"]
        url = f"http://127.0.0.1:{server.server_port}/{{customer}}"
        product.configure(rollout={"url": url, "versions": {"api": "/version"}, "timeout": "60s"})
        yield product
        server.shutdown()


def form(product: Any, run: Any) -> tuple[str, str]:
    """The plan's hash and the words above it, as a sleeping run shows them."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            keys = client.read_flow_run(run).state.state_details.run_input_keyset or {}
            shown = [client._client.get(f"/flow_runs/{run}/input/{keys.get(k)}") for k in ("schema", "description")]
            if all(answer.is_success for answer in shown):
                schema, description = (a.json() for a in shown)
                fields = json.loads(schema) if isinstance(schema, str) else schema
                return fields["properties"]["plan_hash"]["default"], str(description)
            time.sleep(0.2)
    raise AssertionError("the form was never stored")


def approve(product: Any, run: Any, plan: str) -> None:
    given = {"decision": "approve", "approved_by": "kari", "note": "looks right", "plan_hash": plan}
    assert product.resume(run, **given) == "ACCEPT"


def test_a_frozen_ring_ends_with_outcomes_and_a_person_may_override_it(small: Any) -> None:
    small.configure(policy={"freeze": [ALWAYS]})
    _, ended = small.release(small.first)
    assert ended.name == "Failed"
    assert "bre: refused: ring all: frozen until 2999-01-01T00:00 (UTC): holidays" in ended.message
    assert [s.split(" to ")[-1] for _, s in small.history()] == ["ring canary (1 customer)", "customers"]

    override = {"gate": "freeze", "reason": "urgent", "by": "kari"}
    run = small.run("release/release", request={"commit": small.first, "overrides": [override]})
    assert small.wait(run).name == "Completed"
    assert "Slipway-Override: freeze by kari: urgent" in git(small, "show", "-s", "--format=%B", "main")


def test_an_override_that_policy_forbids_is_refused_before_anything_is_built(small: Any) -> None:
    small.configure(policy={"override": []})
    override = {"gate": "soak", "reason": "in a hurry", "by": "kari"}
    run = small.run("release/release", request={"commit": small.first, "overrides": [override]})
    ended = small.wait(run)
    assert "soak may not be overridden" in ended.message
    assert not [name for name, _ in small.steps(run) if name.startswith("image")]


def test_a_hold_set_while_a_ring_waits_is_shown_and_asked_about_again(small: Any) -> None:
    small.configure(rings=[{"name": "all", "customers": "*", "approve": True}])
    run = small.start(small.first)
    assert small.wait(run, "Suspended").name == "Suspended"
    first, _ = form(small, run)
    small.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: ola}\n"})
    approve(small, run, first)
    second, told = wait_for_another(small, run, first)
    assert "**Asked again**" in told
    assert "- **bre**: promote -> held: held by ola: audit" in told
    assert len(small.history()) == 2, "nothing is written for a plan that nobody has approved"
    approve(small, run, second)
    assert small.wait(run).name == "Completed"
    assert "release" not in state(small, "bre")
    assert state(small, "dal")["release"]["commit"] == small.first
    trailers = git(small, "show", "-s", "--format=%(trailers:only)", "main")
    assert f"Slipway-Plan: {second}" in trailers
    assert "Slipway-Approved-By: kari" in trailers


def wait_for_another(product: Any, run: Any, plan: str) -> tuple[str, str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if product.wait(run, "Suspended").name == "Suspended":
            asked = form(product, run)
            if asked[0] != plan:
                return asked
        time.sleep(0.3)
    raise AssertionError("it was not asked again")


@pytest.fixture
def forge(small: Any, tmp_path: Path) -> Iterator[GiteaStandIn]:
    """Gitea's API over the real GitOps repository; merging is done by git, as a person's click would."""
    there = GiteaStandIn()

    def look(_: Any) -> None:
        for line in git(small, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads").splitlines():
            there.push(*line.split())

    there.before = look
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with ContractServer(there.document(), there.answer) as server:
        settings = {"kind": "gitea", "url": server.url, "project": NAME, "token_file": str(token)}
        rings = [
            {"name": "canary", "customers": ["fjord"]},
            {"name": "all", "customers": "*", "pull_request": {"merge": "wait", "timeout": "120s", "poll": 1}},
        ]
        small.configure(gitops={**small.settings["gitops"], "forge": settings}, rings=rings)
        yield there


def opened(there: GiteaStandIn) -> Any:
    deadline = time.monotonic() + 90
    while not there.pulls and time.monotonic() < deadline:
        time.sleep(0.2)
    return there.pulls[0]


def merge(product: Any, pull: Any) -> None:
    """A merge commit, as a forge makes it, with another change on main meanwhile."""
    work = product.gitops
    work.git("pull", "--quiet", "origin", "main")
    work.commit({"notes.txt": "somebody was here\n"}, "note")
    work.git("fetch", "--quiet", "origin", pull.branch)
    work.git("merge", "--quiet", "--no-ff", "-m", f"Merge {pull.branch}", "FETCH_HEAD")
    work.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    pull.merged_as = work.git("rev-parse", "HEAD")
    pull.state = "merged"


def test_a_ring_as_a_pull_request_is_merged_read_and_seen_running(small: Any, forge: GiteaStandIn) -> None:
    run = small.start(small.first)
    pull = opened(forge)
    assert pull.branch == f"slipway/tickets/all/{small.first[:12]}"
    assert "Release" in pull.title
    assert "+spec: {image:" in pull.body
    assert state_of(small, "dal") is None, "nothing reaches the branch without the merge"
    merge(small, pull)
    ended = small.wait(run)
    assert ended.name == "Completed", ended.message
    assert state(small, "dal")["release"]["commit"] == small.first
    assert git(small, "for-each-ref", "--format=%(refname:short)", "refs/heads") == "main", "its branch is gone"
    _, again = small.release(small.first)
    assert (again.name, len(forge.pulls)) == ("Completed", 1)


def state_of(product: Any, customer: str) -> str | None:
    files = git(product, "ls-tree", "-r", "--name-only", "main").splitlines()
    return customer if f".slipway/customers/{customer}.yaml" in files else None


def test_a_pull_request_that_a_person_closes_refuses_the_ring(small: Any, forge: GiteaStandIn) -> None:
    run = small.start(small.first)
    opened(forge).state = "closed"
    ended = small.wait(run)
    assert "pull request 1 was closed without a merge" in ended.message
    assert state_of(small, "dal") is None
    small.set_state(run, AwaitingRetry())
    time.sleep(1)
    assert "was closed" in small.wait(run).message
    assert len(forge.pulls) == 1, "a person's no is not asked again"


def test_a_pull_request_follows_the_branch_when_its_plan_changes(small: Any, forge: GiteaStandIn) -> None:
    run = small.start(small.first)
    pull = opened(forge)
    first = pull.head
    work = small.gitops
    work.git("pull", "--quiet", "origin", "main")
    work.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: ola}\n"})
    deadline = time.monotonic() + 60
    while pull.head == first and time.monotonic() < deadline:
        time.sleep(0.2)
    assert git(small, "show", "--format=", "--name-only", pull.head).split() == [
        ".slipway/customers/dal.yaml",
        "dal/deployment.yaml",
    ]
    merge(small, pull)
    assert small.wait(run).name == "Completed"
    assert "release" not in state(small, "bre")


def test_a_large_ring_is_a_few_tasks_and_every_customer_has_its_outcome(small: Any) -> None:
    text = git(small, "show", "main:dal/deployment.yaml")
    small.gitops.commit({f"c{n:02d}/deployment.yaml": f"{text}\n" for n in range(20)}, "more customers")
    small.configure(gitops={**small.settings["gitops"], "tasks_per_ring": 4})
    run, ended = small.release(small.first)
    assert ended.name == "Completed", ended.message
    names = [name for name, done in small.steps(run) if done == "Completed"]
    assert sum(name.startswith("edit ") for name in names) == 1 + 4
    assert sum(name.startswith("verify ") for name in names) == 1 + 4
    assert "edit 6 customers, bre to c04" in names
    rows = json.loads(small.artifact(run, "customers").replace("'", '"'))
    assert {(r["customer"], r["outcome"]) for r in rows} == {
        *((f"c{n:02d}", "promoted") for n in range(20)),
        *((c, "promoted") for c in ("bre", "dal", "fjord")),
    }


def test_who_writes_holds_the_one_slot_of_its_repository_and_gives_it_back(servers: Any) -> None:
    from prefect import get_client

    name = f"gitops-{hashlib.sha256(b'some repository').hexdigest()[:12]}"

    def taken() -> int:
        with get_client(sync_client=True) as client:
            return client.read_global_concurrency_limit_by_name(name).active_slots

    def while_writing() -> int:
        with turn("some repository"):
            return taken()

    # A server on SQLite that is busy at that moment gives none, and nobody waits for it.
    assert any(while_writing() == 1 for _ in range(5))
    assert taken() == 0
