"""Every step as Prefect sees it: name, retries, time limit, concurrency. The only Prefect import under tasks/.

A step's result is stored as JSON and found again by its inputs within the same run, so a retried or resumed run
goes on where it stopped. What watches the world is never taken from storage.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from prefect import get_client, suspend_flow_run, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import TaskRunResult
from prefect.exceptions import UnfinishedRun
from prefect.futures import PrefectFuture
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.runtime import flow_run as this_run

from tasks import config as configuration
from tasks import containers
from tasks import gate as gates
from tasks import report as reports
from tasks.config import Config, Migrations
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.gitops import commit as commits
from tasks.gitops import edit, fleet
from tasks.gitops import plan as plans
from tasks.images import build
from tasks.migrations import check, compatibility
from tasks.models import (
    Changes,
    Edit,
    Evidence,
    Fleet,
    Outcome,
    Plan,
    ReleaseReport,
    RingPlan,
    Source,
    Span,
)
from tasks.rollout import http
from tasks.rollout import outcomes as endings
from tasks.source import changes as comparing
from tasks.source import checkout
from tasks.suites import end_to_end, unit


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Whether trying again may help: only what says so itself."""
    return isinstance(state.result(raise_on_failure=False), ServiceUnavailable)


SETTLE_SECONDS = 3
APPROVAL_SECONDS = 24 * 3600
STORED: dict[str, Any] = {"persist_result": True, "result_serializer": "json", "cache_policy": INPUTS + RUN_ID}
FRESH: dict[str, Any] = {"cache_policy": NO_CACHE}
TestImages = dict[tuple[str, str], PrefectFuture]
RETRIED: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 15], "retry_condition_fn": is_transient}

load_config = task(configuration.load_config, name="load configuration", task_run_name="load configuration", **STORED)
check_out = task(checkout.check_out, name="check out", task_run_name="check out", **STORED, **RETRIED)
read_fleet = task(fleet.read_fleet, name="read fleet", task_run_name="read fleet", **STORED, **RETRIED)
newest_release = task(comparing.newest_release, name="newest release", task_run_name="newest release", **STORED)
find_changes = task(comparing.find_changes, name="find changes", task_run_name="find changes", **STORED)
build_image = task(build.build_image, name="build image", task_run_name="image {change.name}", **STORED, **RETRIED)
build_target = task(build.build_target, name="build test image", task_run_name="test image {path}", **STORED, **RETRIED)
run_suite = task(unit.run_suite, name="run suite", task_run_name="{component} {suite}", **STORED, **RETRIED)
run_end_to_end = task(end_to_end.run_end_to_end, name="end to end", task_run_name="e2e {which}", **STORED, **RETRIED)
judge_migrations = task(
    check.check_migrations, name="check migrations", task_run_name="check migrations", **STORED, **RETRIED
)
judge_compatibility = task(
    compatibility.check_compatibility,
    name="check compatibility",
    task_run_name="compatibility {running.digest}",
    **STORED,
    **RETRIED,
)
make_plan = task(plans.make_plan, name="make plan", task_run_name="make plan", **STORED)
edit_customer = task(edit.edit_customer, name="edit", task_run_name="edit {customer}", **STORED)
commit_ring = task(commits.commit_ring, name="commit", task_run_name="commit ring {ring}", **STORED, **RETRIED)
soak = task(endings.soak, name="soak", task_run_name="soak ring {ring}", **STORED)
verify_customer = task(http.verify_customer, name="verify", task_run_name="verify {customer}", **FRESH)


def build_images(config: Config, source: Source, changes: Changes) -> list[PrefectFuture]:
    """Starts a build (or the look-up of what is there already) for every component."""
    return [build_image.submit(config, source, change) for change in changes.components]


def build_test_images(config: Config, source: Source, changes: Changes) -> TestImages:
    """Starts one build per test target that a changed component's suites or the migrations run in."""
    wanted = {
        (change.name, suite.target): config.components[change.name]
        for change in changes.components
        if change.changed
        for suite in config.components[change.name].suites.values()
    }
    if (moved := _migrations(config, changes)) and moved.tool != "sql":
        wanted[moved.component, moved.target] = config.components[moved.component]
    return {
        (name, target): build_target.submit(config, source, component.path, component.build.dockerfile, target)
        for (name, target), component in wanted.items()
    }


def run_suites(config: Config, changes: Changes, images: TestImages) -> list[PrefectFuture]:
    """Starts every suite of every changed component."""
    return [
        run_suite.submit(config, change.name, suite, images[change.name, settings.target])
        for change in changes.components
        if change.changed
        for suite, settings in config.components[change.name].suites.items()
    ]


def check_migrations(
    config: Config, source: Source, changes: Changes, fleet: Fleet, images: TestImages
) -> list[PrefectFuture]:
    """Starts the migration check, and a compatibility run of each release that customers run, when the component that holds the migrations has changed."""
    settings = _migrations(config, changes)
    if settings is None:
        return []
    image = images[settings.component, settings.target] if settings.tool != "sql" else None
    running = compatibility.releases(config, fleet)
    return [
        judge_migrations.submit(config, source.commit, fleet, image),
        *(judge_compatibility.submit(config, source.commit, release, image) for release in running),
    ]


def _migrations(config: Config, changes: Changes) -> Migrations | None:
    settings = config.migrations
    return settings if settings and changes.component(settings.component).changed else None


def run_smoke(config: Config, source: Source, changes: Changes, images: list[PrefectFuture]) -> list[PrefectFuture]:
    """Starts the end-to-end smoke suite on the built images, when anything it could see has changed."""
    if config.e2e is None or not changes.end_to_end:
        return []
    tests = build_target.submit(config, source, config.e2e.path, config.e2e.dockerfile, None)
    return [tests, run_end_to_end.submit(config, images, tests, "smoke")]


def run_full(config: Config, source: Source, images: list[PrefectFuture]) -> list[PrefectFuture]:
    """Starts the full end-to-end suite on images that are there already."""
    if config.e2e is None:
        raise ReleaseRefused.because(
            "there are no end-to-end tests", "release.yaml, e2e", "add the section, or pause the nightly deployment"
        )
    tests = build_target.submit(config, source, config.e2e.path, config.e2e.dockerfile, None)
    return [tests, run_end_to_end.submit(config, images, tests, "full")]


def gate(source: Source, checks: Sequence[PrefectFuture]) -> Evidence:
    """Waits for every check, shows the tests, and lets the release pass or refuses it with all reasons."""
    try:
        verdicts = [_verdict(check) for check in checks]
    except BaseException:  # Cancel and SIGTERM arrive here; the suites' threads end as soon as their containers do
        containers.remove_leftovers(containers.run_id())
        raise
    evidence = gates.evidence(verdicts)
    if evidence.suites:
        create_table_artifact(
            reports.tests_table(evidence), key="tests", description="every suite, and each test that failed"
        )
    try:
        return gates.gate(verdicts)
    except SlipwayError as refused:
        create_markdown_artifact(reports.refusal(source, refused.reasons, evidence), key="release")
        raise


def _verdict(check: PrefectFuture) -> Any:
    try:
        return check.result(raise_on_failure=False)
    except UnfinishedRun as error:  # it was never begun, because a step whose result it needs failed
        return error


def show_plan(plan: Plan) -> None:
    """Puts the plan on the run's page before anything is written and before anyone is asked."""
    create_markdown_artifact(reports.plan_text(plan), key="plan", description=f"plan {plan.hash}")


class Approval(RunInput):
    """The form in the Prefect UI. What decides has no default: a bare Resume must not count as yes."""

    decision: Literal["approve", "reject"]
    approved_by: str
    note: str
    plan_hash: str


def approve(plan: Plan, ring: RingPlan) -> None:
    """Asks a person before the ring moves; the run sleeps meanwhile and takes up no process.

    A retry of the run does not ask again for what was approved. Raises `ReleaseRefused` when the answer is no, or
    was given for another plan. Only deployed flows can sleep: Prefect refuses otherwise.
    """
    if not ring.approve or not ring.moving:
        return
    answer = _earlier_approval(ring.name) or suspend_flow_run(
        # A retry counts as a new run: with the same key Prefect answers 409 for ever (PrefectHQ/prefect#12279).
        key=f"{ring.name}-{this_run.run_count}",
        timeout=APPROVAL_SECONDS,
        wait_for_input=Approval.with_initial_data(plan_hash=plan.hash, description=reports.approval_text(plan, ring)),
    )
    if answer.decision == "reject":
        raise ReleaseRefused.because(
            f"ring {ring.name}: rejected by {answer.approved_by}: {answer.note}",
            f"plan {plan.hash}",
            "mend what they say, then push again",
        )
    if answer.plan_hash != plan.hash:
        raise ReleaseRefused.because(
            f"ring {ring.name}: the approval is for plan {answer.plan_hash}",
            f"this is plan {plan.hash}",
            "retry the run and approve this plan",
        )


def _earlier_approval(ring: str) -> Approval | None:
    """The yes that an earlier attempt of this run was given; Prefect itself forgets it on a retry."""
    for attempt in range(this_run.run_count or 1, 0, -1):
        answer = read_flow_run_input(f"suspended-{ring}-{attempt}-response")
        if answer and answer["decision"] == "approve":
            return Approval(**answer)
    return None


class Moved(NamedTuple):
    """How far the fleet has come: the GitOps commit, every outcome so far, and what the next ring comes after."""

    commit: str
    outcomes: tuple[Outcome, ...] = ()
    watched: tuple[PrefectFuture, ...] = ()


def promote_ring(config: Config, plan: Plan, ring: RingPlan, moved: Moved) -> Moved:
    """Moves one ring: an edit per customer at once, one commit, one push, then every customer watched at once.

    A customer's failure is its outcome, never an error here; a ring behind one that failed is not begun.
    """
    if not endings.may_begin(moved.outcomes):
        return moved._replace(outcomes=moved.outcomes + endings.not_reached(ring, moved.outcomes))
    approve(plan, ring)
    # Whom the plan leaves alone nobody has seen moving: a hold that was lifted since counts for the next plan.
    edits = [
        edit_customer.submit(config, moved.commit, plan.release, p.customer, wait_for=moved.watched)
        if p.standing in ("promote", "unchanged")
        else Edit(customer=p.customer, standing=p.standing, because=p.because, files={})
        for p in ring.promotions
    ]
    commit = commit_ring(config, plan.release, ring.name, edits, moved.commit, {"Slipway-Run": str(this_run.id)})
    watching = {c: verify_customer.submit(config, plan.release, c, wait_for=[commit]) for c in endings.watched(commit)}
    seen = {customer: future.result(raise_on_failure=False) for customer, future in watching.items()}
    if commit.created and ring.soak_seconds:
        soak(ring.name, ring.soak_seconds)
    return Moved(commit.commit, moved.outcomes + endings.settle(commit, seen), tuple(watching.values()))


make_release = gates.make_release


def report(plan: Plan, evidence: Evidence, outcomes: tuple[Outcome, ...], commits: dict[str, str]) -> ReleaseReport:
    """Puts the report on the run's page; the run ends well only when every customer is where the plan wanted it."""
    create_table_artifact(reports.customers_table(outcomes), key="customers", description="every customer's outcome")
    text = reports.release_text(plan, evidence, outcomes, commits, _spans())
    create_markdown_artifact(text, key="release", description=f"release {plan.release.commit[:7]}")
    return endings.finish(plan.release, outcomes)


def sweep() -> None:
    """Removes what runs left whose worker died with them: those that this server knows, and knows to have ended."""
    ids = [run for run in containers.labelled_runs() if _is_id(run)]
    if not ids:
        return
    with get_client(sync_client=True) as client:
        known = client.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))
    for run in known:
        if run.state and run.state.is_final():
            containers.remove_leftovers(str(run.id))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def clean_up(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook for cancelled and crashed runs (Prefect calls it by these names): removes what they left on the Engine."""
    containers.remove_leftovers(str(flow_run.id))


def _spans() -> dict[str, Span]:
    """This run's finished steps from the server, which learns of them a moment after they happen."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with get_client(sync_client=True) as client:
        while True:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [this_run.id]}), limit=200)
            if all(r.end_time for r in runs) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    done = [r for r in runs if r.start_time and r.end_time and r.state_name != "Cached"]
    first = min((r.start_time for r in done), default=None)
    return {
        str(r.id): Span(
            name=r.name,
            start=(r.start_time - first).total_seconds(),
            end=(r.end_time - first).total_seconds(),
            after=tuple(str(i.id) for inputs in r.task_inputs.values() for i in inputs if isinstance(i, TaskRunResult)),
        )
        for r in done
    }
