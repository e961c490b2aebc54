"""Every step as Prefect sees it: name, retries, time limit, concurrency. Rooms know nothing of Prefect.

A step's result is stored as JSON and found again by its inputs within the same run, so a retried or resumed run
goes on where it stopped. What watches the world is never taken from storage.
"""

from collections.abc import Callable
from functools import partial, wraps
from itertools import chain
from typing import Any

from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID
from prefect.runtime import flow_run as this_run
from prefect.runtime import task_run as this_task

from tasks import containers
from tasks import gate as gates
from tasks.config import file as configuration
from tasks.config.model import Config
from tasks.containers.engine import answering
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.failpoints import reach
from tasks.forge import pull_request as requests
from tasks.forge import wait as waiting
from tasks.gitops import carries as carrying
from tasks.gitops import commit as commits
from tasks.gitops import edit, fleet
from tasks.gitops import freeze as freezing
from tasks.gitops import plan as plans
from tasks.gitops import propose as proposals
from tasks.gitops import ring_commit as ring_commits
from tasks.gitops import rollback as rollbacks
from tasks.images import bases, build, proofs
from tasks.images.find import find_image
from tasks.migrations import check, compatibility
from tasks.models import (
    Changes,
    ComponentChange,
    Edits,
    Evidence,
    Fleet,
    Image,
    Newer,
    Outcome,
    Plan,
    Proposal,
    PullRequest,
    Quarantine,
    Release,
    ReleaseRequest,
    ReusedFrom,
    RingCommit,
    RingPlan,
    RollbackCommit,
    Source,
    SuiteResult,
)
from tasks.reports import release as reports
from tasks.rollout import outcomes as endings
from tasks.rollout import verify as watching
from tasks.run import feedback
from tasks.run import supersede as superseding
from tasks.run.going_on import require_going_on
from tasks.run.masked import create_markdown_artifact, create_table_artifact, learn_own, task
from tasks.run.nothing import nothing_to_release
from tasks.run.page import run_url
from tasks.run.question import end_wait as end_wait
from tasks.run.record import spans
from tasks.run.sweep import clean_up as clean_up
from tasks.run.sweep import remove_unused_images as remove_unused_images
from tasks.run.sweep import sweep as sweep
from tasks.run.turn import turn
from tasks.run.verdicts import as_long_as_needed
from tasks.secrets.known import learn_all
from tasks.secrets.masking import errors_masked as errors_masked
from tasks.source import changes as comparing
from tasks.source import checkout, content
from tasks.source import quarantine as quarantines
from tasks.suites import claims, end_to_end, unit


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Whether trying again may help: only what says so itself."""
    return isinstance(state.result(raise_on_failure=False), ServiceUnavailable)


STORED: dict[str, Any] = {"persist_result": True, "result_serializer": "json", "cache_policy": INPUTS + RUN_ID}
FRESH: dict[str, Any] = {"cache_policy": NO_CACHE}
RETRIED: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 15], "retry_condition_fn": is_transient}


def _while_going_on(write: Callable[..., Any]) -> Callable[..., Any]:
    """What writes, only as long as this run may."""

    @wraps(write)
    def write_while_going_on(*arguments: Any, **named: Any) -> Any:
        require_going_on()
        return write(*arguments, **named)

    return write_while_going_on


def _check(check: Callable[..., Any], stored: dict[str, Any] = STORED, **names: Any) -> Any:
    """What the gate waits for: it is cancelled when its result is needed no more."""
    return task(as_long_as_needed(answering(check)), **names, **stored, **RETRIED)


def _of_customers() -> str:
    """`edit fjord`, or `edit 25 customers, aal to dal`."""
    names = this_task.parameters["customers"]
    what = this_task.task_name
    return f"{what} {names[0]}" if len(names) == 1 else f"{what} {len(names)} customers, {names[0]} to {names[-1]}"


def _with_whom() -> str:
    """`compatibility with fjord`, or `compatibility with aal and 24 more`: who runs one release now."""
    first, *more = this_task.parameters["running"].customers
    return f"compatibility with {first}" + (f" and {len(more)} more" if more else "")


def _of_part() -> str:
    """`e2e smoke`, or `e2e smoke firefox 1 of 2`."""
    return f"e2e {this_task.parameters['part'].of('smoke')}"


supersede = task(superseding.supersede, name="supersede", task_run_name="supersede", **FRESH, **RETRIED)
_load_config = task(configuration.load_config, name="load configuration", task_run_name="load configuration", **STORED)
check_out = task(checkout.check_out, name="check out", task_run_name="check out", **STORED, **RETRIED)
read_fleet = task(fleet.read_fleet, name="read fleet", task_run_name="read fleet", **STORED, **RETRIED)
newest_release = task(
    comparing.newest_release, name="newest release", task_run_name="newest release", **STORED, **RETRIED
)
read_quarantine = task(
    quarantines.read_quarantine, name="read quarantine", task_run_name="read quarantine", **STORED, **RETRIED
)
build_image = _check(build.build_image, name="build image", task_run_name="image {change.name}")
# A test image is on one Engine only: another attempt may be at one that does not have it, or has it no more.
build_target = _check(build.build_target, FRESH, name="build test image", task_run_name="test image {path}")
judge_migrations = _check(check.check_migrations, name="check migrations", task_run_name="check migrations")
judge_compatibility = _check(compatibility.check_compatibility, name="check compatibility", task_run_name=_with_whom)
make_plan = task(plans.make_plan, name="make plan", task_run_name="make plan", **STORED, **RETRIED)
edit_customers = task(edit.edit_customers, name="edit", task_run_name=_of_customers, **STORED, **RETRIED)
soak_until = task(endings.soak_until, name="soak until", task_run_name="soak of ring {ring} begins", **STORED)
written_at = task(ring_commits.written_at, name="written at", task_run_name="ring {ring} is written", **STORED)
propose_ring = task(
    _while_going_on(proposals.propose), name="propose", task_run_name="propose ring {ring.name}", **STORED, **RETRIED
)
open_pull_request = task(
    _while_going_on(requests.open_pull_request),
    name="open pull request",
    task_run_name="open pull request",
    **FRESH,
    **RETRIED,
)
close_pull_request = task(
    requests.close_pull_request, name="close pull request", task_run_name="close pull request", **FRESH, **RETRIED
)
read_merge = task(
    proposals.merged, name="read merge", task_run_name="read merge of ring {ring.name}", **FRESH, **RETRIED
)
roll_back = task(_while_going_on(rollbacks.put_back), name="roll back", task_run_name="roll back", **STORED, **RETRIED)


@task(name="find changes", task_run_name="find changes", **STORED, **RETRIED)
@answering
def find_changes(config: Config, source: Source, fleet: Fleet) -> Changes:
    """What is new since the last release: content is compared, base images as they are now included."""
    made = content.made_of(config, source)
    return comparing.find_changes(config, source, fleet, made, bases.digests(content.images(config, made)))


@task(name="find evidence", task_run_name="find evidence", **STORED, **RETRIED)
@answering
def find_evidence(config: Config, request: ReleaseRequest, changes: Changes) -> list[SuiteResult]:
    """The suites that passed for the same content before, in whichever run; none when everything is to be tested anew."""
    wanted = [
        claims.of_suite(config, change, suite, changes.digests)
        for change in changes.components
        for suite, settings in config.components[change.name].suites.items()
        if settings.on == "image"
    ]
    if config.e2e and all(change.released for change in changes.components):
        images = [image for change in changes.components if (image := find_image(config, change))]
        parts = end_to_end.parts(config)
        wanted += [claims.of_end_to_end(config, changes, images, part.of("smoke")) for part in parts]
    return proofs.find_all(wanted) if request.reuse else []


def _run_suite(
    config: Config,
    request: ReleaseRequest,
    changes: Changes,
    change: ComponentChange,
    suite: str,
    image: str | None,
    quarantine: Quarantine,
) -> SuiteResult:
    """One suite of one component; that it passed is put on record, but of the worker's own tools nobody knows the digest."""
    run = partial(unit.run_suite, config, change.name, suite, image, change.tree, quarantine)
    if config.components[change.name].suites[suite].on == "host":
        return run()
    claim = claims.of_suite(config, change, suite, changes.digests)
    return proofs.proven(claim, run, _this_run(config), request.reuse)


def _run_smoke(
    config: Config,
    request: ReleaseRequest,
    source: Source,
    changes: Changes,
    images: list[Image],
    tests: str | None,
    part: end_to_end.EndToEndPart,
    quarantine: Quarantine,
) -> SuiteResult:
    """One part of the smoke suite on these images; its own image is built here when nobody expected that it has to run."""

    def run() -> SuiteResult:
        own = tests or _end_to_end_image(config, request, source, changes)
        return end_to_end.run_end_to_end(config, images, own, "smoke", part, quarantine)

    claim = claims.of_end_to_end(config, changes, images, part.of("smoke"))
    return proofs.proven(claim, run, _this_run(config), request.reuse)


def _end_to_end_image(config: Config, request: ReleaseRequest, source: Source, changes: Changes) -> str:
    tests, key = config.e2e, changes.end_to_end_key
    return build.build_target(
        config, source, tests.path, tests.build, None, tests.paths[1:], key=key, reuse=request.reuse
    )


run_suite = _check(_run_suite, name="run suite", task_run_name="{change.name} {suite}")
run_smoke_suite = _check(_run_smoke, name="end to end", task_run_name=_of_part)
build_end_to_end = _check(
    _end_to_end_image, FRESH, name="build test image", task_run_name="test image {config.e2e.path}"
)


def _this_run(config: Config) -> ReusedFrom:
    run = containers.run_id()
    return ReusedFrom.now(run, run_url(run, config))


@task(name="soak", task_run_name="soak ring {ring}", **STORED)
def soak(config: Config, request: ReleaseRequest, ring: str, until: float) -> None:
    """The ring's soak. Raises `Overtaken`, which is not stored, as soon as a newer release waits for this one."""
    endings.soak(ring, until, partial(superseding.give_way, config, request))


@task(name="commit", task_run_name="commit ring {ring.name}", **STORED, **RETRIED)
def commit_ring(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits, trailers: dict[str, str]
) -> RingCommit:
    """The ring's one commit, written in turn with other releases into the same repository."""
    with turn(config.gitops.repository):
        require_going_on()
        return commits.commit_ring(config, request, release, ring, edits, trailers)


@task(name="verify", task_run_name=_of_customers, **FRESH)
def verify_customers(
    config: Config, release: Release, commit: RingCommit | RollbackCommit, customers: list[str]
) -> dict[str, Any]:
    """Watches customers until each runs the release: what it runs, or why it does not. One alone raises its error."""
    gone = carrying.departed(config, release, customers)
    watched = [c for c in customers if c not in gone]
    # For each customer a function of a revision: whether it still carries the release for that customer.
    still = partial(partial, carrying.carries, config, release, commit.commit)
    seen = gone | watching.verify_customers(config, release, watched, still, commit.commit)
    if len(customers) == 1 and isinstance(error := seen[customers[0]], SlipwayError):
        raise error
    return seen


@task(name="await merge", task_run_name="await merge of ring {ring.name}", **FRESH)
def await_merge(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, proposal: Proposal, asked: PullRequest
) -> PullRequest | Edits:
    """Waits until the pull request is merged, or the branch moves so that it would say something else: the edits then.

    Both are looked at before each look that may merge: a retry comes days later. Raises `ReleaseRefused` when a person closes
    it, or its time is over, `Frozen` where it would merge by itself in a freeze window, and `Overtaken` by a newer release.
    """
    settings = config.ring(ring.name).pull_request
    for seen in chain([asked], waiting.watched(config.gitops.forge, settings, asked, proposal.head)):
        if seen.state != "open":
            continue
        require_going_on()
        superseding.give_way(config, request)
        now = proposals.plan_now(config, release, proposal.edits)
        if ring.of(now).hash != ring.of(proposal.edits).hash:
            return now
        if settings.merge == "auto":
            freezing.require_open(config, request, ring.name)
    return seen


def load_config() -> Config:
    """The configuration as this run began with; a process that goes on with a run has to learn its secrets anew."""
    learn_own()
    learn_all()
    config = _load_config()
    learn_all(config)
    return config


def show_plan(plan: Plan) -> None:
    """Puts the plan on the run's page before anything is written and before anyone is asked."""
    create_markdown_artifact(reports.plan_text(plan), key="plan", description=f"plan {plan.hash}")
    reach("plan:shown")


make_release = gates.make_release
require_allowed = gates.require_allowed
tell_begun = feedback.begun
tell_ended = feedback.ended
tell_ring = feedback.ring_seen
tell_nightly = feedback.nightly
_tell_approval = task(feedback.approval_wanted, name="tell", task_run_name="tell approval of {ring.name}", **STORED)


def tell_approval(config: Config, request: ReleaseRequest, release: Release, ring: RingPlan) -> None:
    """Tells those who may approve, once in each attempt of the run, however often it wakes."""
    if config.notify or config.app.forge:
        _tell_approval(config, request, release, ring, this_run.run_count)


def show_progress(plan: Plan, outcomes: tuple[Outcome, ...]) -> None:
    """Puts how far the run has come on its page before it sleeps: whoever ends it meanwhile says what became of the rest."""
    create_table_artifact(reports.progress_table(plan, outcomes), key="customers", description="how far it has come")


superseded = superseding.replaced


def report(
    request: ReleaseRequest,
    changes: Changes,
    plan: Plan,
    evidence: Evidence,
    outcomes: tuple[Outcome, ...],
    commits: dict[str, str],
    newer: Newer | None = None,
) -> Any:
    """Puts the report on the run's page; the run ends well only when every customer is where the plan wanted it.

    One that gave way to a newer release ends as superseded, wherever its customers are.
    """
    create_table_artifact(reports.customers_table(outcomes), key="customers", description="every customer's outcome")
    nothing = "" if commits or newer else changes.nothing
    text = reports.release_text(plan, evidence, outcomes, commits, spans(), newer, nothing)
    create_markdown_artifact(text, key="release", description=f"release {plan.release.commit[:7]}")
    reach("report:shown")
    if newer:
        return superseding.overtaken(request, newer)
    ended = endings.finish(plan.release, outcomes, evidence.forgiven)
    return nothing_to_release(ended, nothing) if nothing else ended
