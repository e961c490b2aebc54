"""Who gives way to whom, on a Prefect server and real git: runs are begun here as a worker would begin them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect import flow, get_client, suspend_flow_run
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import AwaitingRetry, Crashed, Failed, Running

from tasks.config.model import Config
from tasks.models import ReleaseRequest
from tasks.reports import release as report
from tasks.run import supersede
from tests.harness import prefect_harness
from tests.reliability.size import LARGE
from tests.tasks.gitops.conftest_gitops import config_for

OVERRIDE = {"gate": "freeze", "reason": "urgent", "by": "kari"}


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with (
        prefect_harness(),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


class Runs:
    """Runs of a flow that gives way as a release does, and what is seen of them."""

    def __init__(self, app: Any, name: str) -> None:
        self.app = app
        self.config = config_for(app.url, app.url)
        self.commits = [app.commit({"a": str(n)}, f"change {n}") for n in range(4)]
        self.begun: list[str] = []
        self.then: Callable[[Config, ReleaseRequest], None] = lambda *_: None

        @flow(name=name)
        def release(request: ReleaseRequest) -> Any:
            self.begun.append(request.commit)
            if newer := supersede.supersede(self.config, request):
                return supersede.replaced(request, newer)
            try:
                self.then(self.config, request)
            except supersede.Overtaken as overtaken:
                return supersede.overtaken(request, overtaken.newer)
            return None

        self.flow = release
        with get_client(sync_client=True) as client:
            self.deployment = client.create_deployment(client.create_flow(release), "release")

    def make(self, commit: str, *overrides: dict[str, str]) -> Any:
        request = {"commit": commit, "overrides": list(overrides)}
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(self.deployment, parameters={"request": request}).id

    def begin(self, run: Any) -> Any:
        """Begins a run, and goes on with it until it ends or sleeps."""
        with get_client(sync_client=True) as client:
            found = client.read_flow_run(run)
        try:
            return run_flow(self.flow, flow_run=found, parameters=found.parameters, return_type="state")
        except Pause as paused:
            return paused.state

    def state(self, run: Any) -> tuple[str, str]:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run).state
        return state.name, state.message or ""

    def set_state(self, run: Any, state: Any) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, state)

    def page(self, run: Any, key: str) -> str:
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(
                artifact_filter=ArtifactFilter(key={"any_": [key]}),
                flow_run_filter=FlowRunFilter(id={"any_": [run]}),
                sort=ArtifactSort.UPDATED_DESC,
            )
        return str(found[0].data) if found else ""

    def by(self, run: Any, commit: str) -> tuple[str, str]:
        """The last state of a run that this one replaced."""
        return "Superseded", f"by release {commit[:7]} ({supersede.run_url(run)})"


@pytest.fixture
def runs(server: None, repository: Callable, request: pytest.FixtureRequest) -> Runs:
    return Runs(repository("app"), request.node.name[:60])


def sleeps(*_: object) -> None:
    create_table_artifact(
        [
            {"customer": "fjord", "ring": "canary", "outcome": "promoted", "because": "", "next": ""},
            {"customer": "bre", "ring": "all", "outcome": report.NOT_BEGUN, "because": "", "next": ""},
        ],
        key="customers",
    )
    suspend_flow_run(timeout=600, key="approval")


def test_the_newest_that_begins_ends_all_that_wait_or_sleep_and_both_sides_say_so(runs: Runs) -> None:
    old, middle, new = (runs.make(c) for c in runs.commits[:3])
    # The middle one sleeps for an approval, and began before the old one.
    runs.then = sleeps
    with get_client(sync_client=True) as client:
        client.delete_flow_run(new)
    assert runs.begin(middle).name == "Suspended"
    assert runs.state(old) == runs.by(middle, runs.commits[1])
    runs.then = lambda *_: None
    new = runs.make(runs.commits[2])
    assert runs.begin(new).is_completed()
    assert runs.state(middle) == runs.by(new, runs.commits[2])
    rows = json.loads(runs.page(middle, "customers").replace("'", '"'))
    assert [(r["customer"], r["outcome"]) for r in rows] == [("fjord", "promoted"), ("bre", "superseded")]
    assert "retry this run" in rows[1]["next"]
    assert "Superseded by release" in runs.page(middle, "release")
    assert runs.commits[1][:7] in runs.page(new, "superseded")
    assert "Suspended" in runs.page(new, "superseded")


def test_an_older_run_that_begins_first_gives_way_before_it_does_anything(runs: Runs) -> None:
    new, old = runs.make(runs.commits[2]), runs.make(runs.commits[0])
    assert runs.begin(old).name == "Superseded"
    assert runs.state(old) == runs.by(new, runs.commits[2])
    assert "Nothing was written" in runs.page(old, "release")
    assert runs.begin(new).is_completed()


def test_an_older_run_that_is_retried_while_a_newer_one_sleeps_gives_way_again(runs: Runs) -> None:
    old = runs.make(runs.commits[0])
    runs.set_state(old, Failed(message="crashed"))
    new = runs.make(runs.commits[1])
    runs.then = sleeps
    assert runs.begin(new).name == "Suspended"
    runs.set_state(old, AwaitingRetry())
    assert runs.begin(old).name == "Superseded"
    assert runs.state(new)[0] == "Suspended"


def test_a_release_that_ended_badly_replaces_nobody_and_an_older_one_can_be_retried(runs: Runs) -> None:
    old, new = runs.make(runs.commits[0]), runs.make(runs.commits[1])
    runs.set_state(new, Failed(message="refused"))
    assert runs.begin(old).is_completed()


def test_a_crashed_run_that_begins_again_gives_way_to_what_was_released_meanwhile(runs: Runs) -> None:
    old = runs.make(runs.commits[0])
    for state in (Running(), Crashed(message="killed")):
        runs.set_state(old, state)
    new = runs.make(runs.commits[1])
    assert runs.begin(new).is_completed()
    runs.set_state(old, AwaitingRetry())
    assert runs.begin(old).name == "Superseded"
    assert runs.state(old) == runs.by(new, runs.commits[1])
    assert runs.begin(runs.make(runs.commits[0])).is_completed(), (
        "asked for anew it is for the order check at the write"
    )


def test_a_person_who_passed_a_gate_for_a_commit_is_not_replaced_unasked(runs: Runs) -> None:
    asked, new = runs.make(runs.commits[0], OVERRIDE), runs.make(runs.commits[2])
    assert runs.begin(new).is_completed()
    assert runs.state(asked)[0] == "Scheduled"
    waiting = runs.make(runs.commits[3])
    assert runs.begin(asked).is_completed()
    assert runs.state(waiting)[0] == "Scheduled"


def test_what_main_no_longer_has_replaces_nobody_and_gives_way(runs: Runs) -> None:
    gone, kept = runs.make(runs.commits[3]), runs.make(runs.commits[1])
    runs.app.git("reset", "--quiet", "--hard", runs.commits[1])
    runs.app.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
    assert runs.begin(kept).is_completed()
    assert runs.state(gone) == runs.by(kept, runs.commits[1])


def test_a_commit_of_a_merged_branch_is_no_state_of_main_and_replaces_nobody(runs: Runs) -> None:
    main = runs.make(runs.commits[3])
    runs.app.git("checkout", "--quiet", "-b", "side")
    side = runs.app.commit({"b": "1"}, "aside", branch="side")
    runs.app.git("checkout", "--quiet", "main")
    runs.app.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    runs.app.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    aside = runs.make(side)
    assert runs.begin(main).is_completed()
    assert runs.state(aside) == runs.by(main, runs.commits[3])


def test_two_runs_of_one_commit_leave_each_other_alone(runs: Runs) -> None:
    first, second = runs.make(runs.commits[0]), runs.make(runs.commits[0])
    runs.then = sleeps
    assert runs.begin(first).name == "Suspended"
    runs.then = lambda *_: None
    assert runs.begin(second).is_completed()
    assert runs.state(first)[0] == "Suspended"


def test_a_run_that_sleeps_in_its_process_gives_way_as_soon_as_a_newer_one_waits(runs: Runs) -> None:
    made: list[Any] = []

    def soak(config: Config, request: ReleaseRequest) -> None:
        supersede.give_way(config, request)  # nobody waits
        made.append(runs.make(runs.commits[1]))
        supersede.give_way(config, request)

    runs.then = soak
    old = runs.make(runs.commits[0])
    assert runs.begin(old).name == "Superseded"
    assert runs.state(old) == runs.by(made[0], runs.commits[1])
    assert runs.commits[0][:7] in runs.page(made[0], "superseded")


def test_nobody_gives_way_because_the_repository_does_not_answer(runs: Runs) -> None:
    def soak(config: Config, request: ReleaseRequest) -> None:
        runs.make(runs.commits[1])
        away = config.model_copy(update={"app": config.app.model_copy(update={"repository": "/not/there.git"})})
        supersede.give_way(away, request)

    runs.then = soak
    assert runs.begin(runs.make(runs.commits[0])).is_completed()


def test_a_run_whose_parameters_are_no_request_is_in_nobodys_way(runs: Runs) -> None:
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(runs.deployment, parameters={"request": {"commit": runs.commits[3]}})
        client._client.patch(f"/deployments/{runs.deployment}", json={"enforce_parameter_schema": False})
        client.create_flow_run_from_deployment(runs.deployment, parameters={"request": "nonsense"})
    assert runs.begin(runs.make(runs.commits[0])).name == "Superseded"


def test_of_a_burst_of_pushes_only_a_handful_of_runs_begin(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a receiver that clears the queue, however many there are: more of them than one page of the API."""
    count = 1000 if LARGE else 45
    monkeypatch.setattr(supersede, "PAGE", 200 if LARGE else 20)
    tree = runs.app.git("rev-parse", "HEAD^{tree}")
    commits = [runs.app.git("rev-parse", "HEAD")]
    for n in range(count):
        commits.append(runs.app.git("commit-tree", "-p", commits[-1], "-m", str(n), tree))
    runs.app.git("push", "--quiet", "origin", f"{commits[-1]}:refs/heads/main")
    made = [runs.make(c) for c in commits[1:]]
    assert runs.begin(made[0]).name == "Superseded"
    left = [run for run in made if runs.state(run)[0] == "Scheduled"]
    assert left == made[-1:]
    assert runs.begin(made[-1]).is_completed()
    assert runs.begun == [commits[1], commits[-1]]


def test_who_makes_a_run_can_clear_the_queue_of_what_has_not_begun(runs: Runs) -> None:
    old = runs.make(runs.commits[0])
    asked = runs.make(runs.commits[1], OVERRIDE)
    with get_client(sync_client=True) as client:
        assert supersede.supersede_queued(client, runs.config, runs.deployment) == [runs.commits[0]]
        new = runs.make(runs.commits[2])
        assert supersede.supersede_queued(client, runs.config, runs.deployment) == []
    assert runs.state(old)[0] == "Superseded"
    assert runs.state(asked)[0] == "Scheduled"
    assert runs.state(new)[0] == "Scheduled"
    assert not runs.begun
