"""How one ring moves: edits at once, one commit or pull request, every customer watched at once, then the soak."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prefect import allow_failure
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run as this_run

from tasks import steps
from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.failpoints import reach
from tasks.gitops import freeze as freezing
from tasks.gitops import propose as proposals
from tasks.gitops.again import MOVES
from tasks.gitops.soaked import soak_seconds
from tasks.models import (
    Edit,
    Edits,
    Hold,
    Newer,
    Outcome,
    Plan,
    PullRequest,
    Release,
    ReleaseRequest,
    RingCommit,
    RingPlan,
)
from tasks.reports import release as report
from tasks.rollout import outcomes as endings
from tasks.run.approval import Approval, approve, earlier
from tasks.run.supersede import Overtaken, give_way


class Moved(NamedTuple):
    """How far the fleet has come: the GitOps commit, every outcome so far, why the next ring may not begin, what it comes after.

    `newer`: the release that this one gave way to while it slept.
    """

    commit: str
    outcomes: tuple[Outcome, ...] = ()
    stopped: str = ""
    watched: tuple[PrefectFuture, ...] = ()
    newer: Newer | None = None


def promote_ring(config: Config, request: ReleaseRequest, plan: Plan, ring: RingPlan, moved: Moved) -> Moved:
    """Moves one ring: edits at once, one commit, one push, every customer watched at once, then the soak.

    A customer's failure is its outcome, never an error here; a ring behind one that failed is not begun.
    """
    if moved.newer:
        return moved._replace(outcomes=moved.outcomes + endings.stopped(ring, Overtaken(moved.newer)))
    if moved.stopped:
        return moved._replace(outcomes=moved.outcomes + endings.not_begun(ring, moved.stopped))
    if ring.approve and ring.moving:
        steps.show_progress(plan, moved.outcomes)
    try:
        edits = _edits(config, plan.release, ring, moved)
        write = _propose if config.ring(ring.name).pull_request else _write
        commit = write(config, request, plan.release, ring, edits)
    except Overtaken as overtaken:
        return moved._replace(outcomes=moved.outcomes + endings.stopped(ring, overtaken), newer=overtaken.newer)
    except SlipwayError as refused:  # frozen, rejected, main no longer has the commit; or a remote takes no push
        return moved._replace(stopped=refused.reasons[0].what, outcomes=moved.outcomes + endings.stopped(ring, refused))
    outcomes, watched = _watch(config, plan.release, commit)
    reach("ring:watched")
    newer = None
    if not request.passes("soak") and (seconds := soak_seconds(config, plan, ring, commit)):
        outcomes, newer = _soak(config, request, plan.release, ring.name, seconds, commit, outcomes)
    outcomes, tip = _put_back(config, plan.release, commit, outcomes)
    stopped = endings.too_many_failures(config, ring.name, outcomes)
    steps.tell_ring(config, request, ring.name, outcomes)
    return Moved(tip, moved.outcomes + outcomes, stopped, watched, newer)


def _edits(config: Config, release: Release, ring: RingPlan, moved: Moved) -> Edits:
    """The ring's edits, a task per customer, or per some of them in a large ring.

    Whom the plan leaves alone nobody has seen moving: a hold that was lifted since counts for the next plan.
    """
    # They come after every customer of the ring before, also one that failed: how many may is for `too_many_failures`.
    after = [allow_failure(watched) for watched in moved.watched]
    moving = [p.customer for p in ring.promotions if p.standing in MOVES]
    started = [
        steps.edit_customers.submit(config, moved.commit, release, names, wait_for=after)
        for names in _batches(config, moving)
    ]
    made = {e.customer: e for future in started for e in future.result().edits}
    return Edits(tip=moved.commit, edits=tuple(made.get(p.customer) or Edit(promotion=p) for p in ring.promotions))


def _write(config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits) -> RingCommit:
    """Asks, writes, and asks again as often as the branch moves so that the plan is another one."""
    shown, ring = ring, ring.of(edits)
    before, again = (shown if shown.hash != ring.hash else None), False
    while True:
        if ring.approve and ring.moving and not earlier(config, ring):  # nobody is asked about what may not be written
            freezing.require_open(config, request, ring.name)
            if not request.overrides:
                give_way(config, request)
            steps.tell_approval(config, request, release, ring)
        answer = approve(config, release, ring, before, again)
        commit = steps.commit_ring(config, request, release, ring, edits, _trailers(ring, answer))
        if commit.asks_again is None:
            return commit
        before, again, edits = ring, True, Edits(tip=commit.commit, edits=commit.asks_again)
        ring = ring.of(edits)


def _propose(config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits) -> RingCommit:
    """A pull request instead of a push; proposed again as often as the branch moves so that the plan is another one."""
    asked = before = None
    while True:
        proposal = steps.propose_ring(config, request, release, ring, edits, _trailers(ring.of(edits), None))
        if proposal.head is None:
            if asked and before:
                said = "Nobody is left to move: see the release's report."
                steps.close_pull_request(config.gitops.forge, asked.number, said)
                proposals.withdraw(config, before)
            return RingCommit(ring=ring.name, commit=edits.tip, created=False, promotions=edits.promotions)
        title, body = report.pull_request(release, ring.of(edits), str(this_run.id))
        asked = steps.open_pull_request(config.gitops.forge, proposal.branch, config.gitops.branch, title, body)
        try:
            ended = steps.await_merge(config, request, release, ring, proposal, asked)
        except Overtaken as overtaken:
            steps.close_pull_request(config.gitops.forge, asked.number, f"{overtaken.reasons[0].what}.")
            proposals.withdraw(config, proposal)
            raise
        if isinstance(ended, PullRequest):
            proposals.withdraw(config, proposal)
            return steps.read_merge(config, release, ring, proposal, ended.merged_as)
        before, edits = proposal, ended


def _trailers(ring: RingPlan, answer: Approval | None) -> dict[str, str]:
    approved = {"Slipway-Approved-By": answer.approved_by, "Slipway-Plan": answer.plan_hash} if answer else {}
    return {"Slipway-Run": str(this_run.id), "Slipway-Written": steps.written_at(ring.name, ring.hash), **approved}


def _watch(
    config: Config, release: Release, commit: RingCommit
) -> tuple[tuple[Outcome, ...], tuple[PrefectFuture, ...]]:
    """Every customer of the ring watched until it is seen running the release, or its time is over."""
    started = [
        (names, steps.verify_customers.submit(config, release, commit, names))
        for names in _batches(config, endings.watched(commit))
    ]
    return endings.settle(commit, _seen(started)), tuple(future for _, future in started)


def _seen(started: Sequence[tuple[list[str], PrefectFuture]]) -> dict[str, Any]:
    """Customer -> what it was seen running, or the error that it, or the whole task, ended with."""
    seen: dict[str, Any] = {}
    for names, future in started:
        result = future.result(raise_on_failure=False)
        seen |= result if isinstance(result, dict) else dict.fromkeys(names, result)
    return seen


def _soak(
    config: Config,
    request: ReleaseRequest,
    release: Release,
    ring: str,
    seconds: float,
    commit: RingCommit,
    outcomes: tuple[Outcome, ...],
) -> tuple[tuple[Outcome, ...], Newer | None]:
    """Lets the ring run for a while, and looks again; a run that was killed meanwhile waits for the rest only.

    What more failed than may ends the release without it; a newer release that waits ends it early and is answered.
    """
    if endings.too_many_failures(config, ring, outcomes):
        return outcomes, None
    try:
        steps.soak(config, request, ring, steps.soak_until(ring, seconds))
    except Overtaken as overtaken:
        return outcomes, overtaken.newer
    return _watch(config, release, commit)[0], None


def _put_back(
    config: Config, release: Release, commit: RingCommit, outcomes: tuple[Outcome, ...]
) -> tuple[tuple[Outcome, ...], str]:
    """Puts the customers that failed back, in one commit, when the configuration says so; outcomes, and where the branch is."""
    failed = [o.customer for o in outcomes if o.outcome == "failed"]
    if config.rollout.on_failure != "rollback" or not failed:
        return outcomes, commit.commit
    hold = Hold.after_failure(release.commit)
    try:
        done = steps.roll_back(config, failed, hold, release.commit, partly=True)
    except SlipwayError as error:
        return endings.not_put_back(outcomes, error), commit.commit
    looked = [
        (names, steps.verify_customers.submit(config, endings.release_of(done, names[0]), done, names))
        for same in endings.by_release(done)
        for names in _batches(config, same)
    ]
    return endings.rolled_back(outcomes, done, _seen(looked)), done.commit


def _batches(config: Config, names: Sequence[str]) -> list[list[str]]:
    """One customer each, or several where there are more than `tasks_per_ring`: as many tasks as a person can read."""
    size = max(1, -(-len(names) // config.gitops.tasks_per_ring))
    return [list(names[n : n + size]) for n in range(0, len(names), size)]
