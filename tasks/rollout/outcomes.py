"""Brings together what was planned, what was written and what was seen: a named outcome per customer."""

import logging
import time
from collections.abc import Mapping

from tasks.errors import ReleaseRefused, SlipwayError
from tasks.models import Outcome, OutcomeName, Promotion, Release, ReleaseReport, RingCommit, RingPlan

log = logging.getLogger(__name__)
ENDED: dict[str, OutcomeName] = {
    "promote": "promoted",
    "unchanged": "unchanged",
    "held": "held",
    "refused": "refused",
    "superseded": "superseded",
}
NEXT = {
    "held": "slipway release-hold {customer} when it may move, then release again",
    "refused": "mend what is named, then release again: customers that are done stay done",
    "superseded": "nothing: it runs a newer release",
}


def watched(commit: RingCommit) -> tuple[str, ...]:
    """The customers of a ring that must be seen running the release."""
    return tuple(p.customer for p in commit.promotions if p.standing in ("promote", "unchanged"))


def settle(commit: RingCommit, seen: Mapping[str, dict[str, str] | Exception]) -> tuple[Outcome, ...]:
    """One outcome per customer of the ring; `seen` holds what each watched customer answered, or why it did not."""
    return tuple(_outcome(p, seen.get(p.customer)) for p in commit.promotions)


def soak(ring: str, seconds: float) -> None:
    """Lets a verified ring run for a while before the next one moves."""
    log.info("ring %s: soaks for %g s", ring, seconds)
    time.sleep(seconds)


def not_reached(ring: RingPlan, earlier: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """Outcomes of a ring that was not begun because an earlier one failed."""
    failed = ", ".join(o.customer for o in earlier if o.outcome == "failed")
    because = f"not begun: {failed} failed in an earlier ring"
    return tuple(
        Outcome(customer=p.customer, ring=ring.name, outcome="refused", because=because, next_step="retry this run")
        for p in ring.promotions
    )


def may_begin(outcomes: tuple[Outcome, ...]) -> bool:
    """Whether the next ring may begin; a customer that is held or refused on its own account does not stop the others."""
    return not any(o.outcome == "failed" for o in outcomes)


def finish(release: Release, outcomes: tuple[Outcome, ...]) -> ReleaseReport:
    """The report of a release in which every customer is where the plan wanted it.

    Raises `ReleaseRefused` naming each customer that is not, with its next step.
    """
    report = ReleaseReport(release=release, outcomes=outcomes)
    if not report.complete:
        raise ReleaseRefused(
            *(
                ReleaseRefused.because(
                    f"{o.customer}: {o.outcome}: {o.because}", f"ring {o.ring}", o.next_step
                ).reasons[0]
                for o in outcomes
                if o.outcome not in ("promoted", "unchanged", "held")
            )
        )
    return report


def _outcome(promotion: Promotion, seen: dict[str, str] | Exception | None) -> Outcome:
    name, because = ENDED[promotion.standing], promotion.because
    next_step = NEXT.get(name, "").replace("{customer}", promotion.customer)
    if isinstance(seen, Exception):
        reason = seen.reasons[0] if isinstance(seen, SlipwayError) else None
        name, because = "failed", reason.what if reason else str(seen)
        next_step = reason.next_step if reason else "see this run's log, then retry it"
    return Outcome(
        customer=promotion.customer,
        ring=promotion.ring,
        outcome=name,
        because=because,
        next_step=next_step,
        versions=seen if isinstance(seen, dict) else {},
    )
