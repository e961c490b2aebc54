"""Brings together what was planned, what was written and what was seen: a named outcome per customer."""

import logging
import time
from collections.abc import Callable, Mapping

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, SlipwayError, Superseded
from tasks.failpoints import reach
from tasks.models import (
    COMPLETE,
    Back,
    Outcome,
    OutcomeName,
    Promotion,
    Reason,
    Release,
    ReleaseReport,
    RingCommit,
    RingPlan,
    RollbackCommit,
)
from tasks.rollout.sight import Seen

log = logging.getLogger(__name__)
ENDED: dict[str, OutcomeName] = {
    "promote": "promoted",
    "unchanged": "unchanged",
    "held": "held",
    "conflict": "conflict",
    "gone": "gone",
    "refused": "refused",
    "superseded": "superseded",
    "failed": "failed",
}
LOOK_SECONDS = 5
NEXT = {
    "held": "slipway release-hold {customer} when it may move, then release again",
    "conflict": "put the value back, or `slipway hold {customer}`; then release again",
    "gone": "nothing, if it was meant; otherwise restore its files",
    "refused": "mend what is named, then release again: customers that are done stay done",
    "superseded": "nothing: it runs a newer release",
    "failed": "mend the release, then `slipway release-hold {customer}` and release again",
}


def watched(commit: RingCommit) -> tuple[str, ...]:
    """The customers of a ring that must be seen running the release."""
    return tuple(p.customer for p in commit.promotions if p.standing in ("promote", "unchanged"))


def settle(commit: RingCommit, seen: Mapping[str, dict[str, str] | Seen | Exception]) -> tuple[Outcome, ...]:
    """One outcome per customer of the ring; `seen` holds what each watched customer runs, or why it was not seen."""
    return tuple(_outcome(p, seen.get(p.customer)) for p in commit.promotions)


def soak_until(ring: str, seconds: float) -> float:
    """When the soak that begins now ends, in seconds since 1970; kept, so that a killed run waits for the rest only."""
    log.info("ring %s: is verified and soaks for %g s", ring, seconds)
    reach("soak:begun")
    return time.time() + seconds


def soak(ring: str, until: float, look: Callable[[], None]) -> None:
    """Lets a verified ring run for a while before the next one moves; `until` is in seconds since 1970.

    Calls `look` now and then, which raises when the soak is to end early.
    """
    log.info("ring %s: soaks for %g s", ring, max(0.0, until - time.time()))
    while (seconds := until - time.time()) > 0:
        look()
        time.sleep(min(seconds, LOOK_SECONDS))
    reach("soak:ended")


def not_begun(ring: RingPlan, because: str) -> tuple[Outcome, ...]:
    """Outcomes of a ring that was not begun because of an earlier one."""
    return tuple(
        Outcome(
            customer=p.customer,
            ring=ring.name,
            outcome="refused",
            because=f"not begun: {because}",
            next_step="retry this run when that is mended",
        )
        for p in ring.promotions
    )


def stopped(ring: RingPlan, refused: SlipwayError) -> tuple[Outcome, ...]:
    """Outcomes of a ring that was not written: frozen, rejected, superseded, or a remote took no push."""
    name: OutcomeName = "superseded" if isinstance(refused, Superseded) else "refused"
    reason = refused.reasons[0]
    next_step = reason.next_step or "see this run's log, then retry it"
    return tuple(
        Outcome(customer=p.customer, ring=ring.name, outcome=name, because=reason.what, next_step=next_step)
        for p in ring.promotions
    )


def too_many_failures(config: Config, ring: str, outcomes: tuple[Outcome, ...]) -> str:
    """Why the rings behind this one may not begin; empty when they may. Who is held or refused on its own account stops nobody."""
    failed = [o.customer for o in outcomes if o.outcome in ("failed", "rolled back")]
    allowed = config.ring(ring).max_failures
    return f"{', '.join(failed)} failed in ring {ring}" if len(failed) > allowed else ""


def by_release(done: RollbackCommit) -> list[list[str]]:
    """The customers that were put back, those that went to the same release together."""
    groups: dict[str, list[str]] = {}
    for back in done.customers:
        groups.setdefault(back.to.commit, []).append(back.customer)
    return list(groups.values())


def release_of(done: RollbackCommit, customer: str) -> Release:
    """The release that a customer was put back to."""
    return next(b.to for b in done.customers if b.customer == customer)


def rolled_back(outcomes: tuple[Outcome, ...], done: RollbackCommit, seen: Mapping[str, object]) -> tuple[Outcome, ...]:
    """The outcomes once failing customers were put back, as far as they could be."""
    backs = {b.customer: b for b in done.customers}
    return tuple(
        _back(o, backs[o.customer], seen.get(o.customer))
        if o.customer in backs
        else _stays(o, done.refused[o.customer])
        if o.customer in done.refused
        else o
        for o in outcomes
    )


def not_put_back(outcomes: tuple[Outcome, ...], error: SlipwayError) -> tuple[Outcome, ...]:
    """The outcomes when nobody could be put back."""
    return tuple(_stays(o, error.reasons[0]) if o.outcome == "failed" else o for o in outcomes)


def _back(outcome: Outcome, back: Back, seen: object) -> Outcome:
    running = "seen running it" if isinstance(seen, Seen) else f"not seen running it yet: {seen}"
    return outcome.model_copy(
        update={
            "outcome": "rolled back",
            "because": f"{outcome.because}; put back to {back.to.commit[:7]}, {running}, and held",
            "next_step": f"mend the release, then `slipway release-hold {outcome.customer}` and release again",
            "versions": seen.versions if isinstance(seen, Seen) else {},
        }
    )


def _stays(outcome: Outcome, reason: Reason) -> Outcome:
    return outcome.model_copy(
        update={"because": f"{outcome.because}; not put back: {reason.what}", "next_step": reason.next_step}
    )


def finish(release: Release, outcomes: tuple[Outcome, ...], forgiven: str = "") -> ReleaseReport:
    """The report of a release in which every customer is where the plan wanted it; `forgiven`: see `Evidence`.

    Raises `ReleaseRefused` naming each customer that is not, with its next step.
    """
    report = ReleaseReport(release=release, outcomes=outcomes, forgiven=forgiven)
    if not report.complete:
        raise ReleaseRefused(
            *(
                ReleaseRefused.because(
                    f"{o.customer}: {o.outcome}: {o.because}", f"ring {o.ring}", o.next_step
                ).reasons[0]
                for o in outcomes
                if o.outcome not in COMPLETE
            )
        )
    return report


def _outcome(promotion: Promotion, seen: dict[str, str] | Seen | Exception | None) -> Outcome:
    seen = seen.versions if isinstance(seen, Seen) else seen
    name, because = ENDED[promotion.standing], promotion.because
    next_step = NEXT.get(name, "").replace("{customer}", promotion.customer)
    if isinstance(seen, Exception):
        reason = seen.reasons[0] if isinstance(seen, SlipwayError) else None
        name = "superseded" if isinstance(seen, Superseded) else "failed"
        because = reason.what if reason else str(seen)
        next_step = reason.next_step if reason else "see this run's log, then retry it"
    return Outcome(
        customer=promotion.customer,
        ring=promotion.ring,
        outcome=name,
        because=because,
        next_step=next_step,
        versions=seen if isinstance(seen, dict) else {},
    )
