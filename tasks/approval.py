"""Asks a person before a ring moves: a form in the Prefect UI, bound to the hash of what was shown."""

from typing import Literal

from prefect import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.runtime import flow_run as this_run

from tasks import report
from tasks.errors import ReleaseRefused
from tasks.models import Release, RingPlan

WAIT_SECONDS = 24 * 3600


class Approval(RunInput):
    """The form. What decides has no default: a bare Resume must not count as yes."""

    decision: Literal["approve", "reject"]
    approved_by: str
    note: str
    plan_hash: str


def approve(release: Release, ring: RingPlan, before: RingPlan | None = None, again: bool = True) -> Approval | None:
    """Asks whether the ring may move; the run sleeps meanwhile and takes up no process. None when nobody need be asked.

    `before` is what was approved (`again`), or shown in the plan, of the same ring until the branch moved: the form says
    what is different. A retry of the
    run does not ask again for what was approved. Raises `ReleaseRefused` when the answer is no, or was given for another
    plan. Only deployed flows can sleep: Prefect refuses otherwise.
    """
    if not ring.approve or not ring.moving:
        return None
    answer = earlier(ring) or suspend_flow_run(
        # A retry counts as a new run: with the same key Prefect answers 409 for ever (PrefectHQ/prefect#12279).
        key=f"{ring.name}-{ring.hash}-{this_run.run_count}",
        timeout=WAIT_SECONDS,
        wait_for_input=Approval.with_initial_data(
            plan_hash=ring.hash, description=report.approval_text(release, ring, before, again)
        ),
    )
    if answer.decision == "reject":
        raise ReleaseRefused.because(
            f"ring {ring.name}: rejected by {answer.approved_by}: {answer.note}",
            f"plan {ring.hash}",
            "mend what they say, then push again",
        )
    if answer.plan_hash != ring.hash:
        raise ReleaseRefused.because(
            f"ring {ring.name}: the approval is for plan {answer.plan_hash}",
            f"this is plan {ring.hash}",
            "retry the run and approve this plan",
        )
    return answer


def earlier(ring: RingPlan) -> Approval | None:
    """The yes that an earlier attempt of this run was given for this very plan; Prefect itself forgets it on a retry."""
    for attempt in range(this_run.run_count or 1, 0, -1):
        answer = read_flow_run_input(f"suspended-{ring.name}-{ring.hash}-{attempt}-response")
        if answer and answer["decision"] == "approve":
            return Approval(**answer)
    return None
