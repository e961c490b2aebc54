"""Watches customers until each one runs the release, never will, or has used up its time."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field

from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.failpoints import reach
from tasks.rollout.answers import Busy
from tasks.rollout.guarded import sight_of
from tasks.rollout.sight import Seen, Sight, Waiting

log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
GROWTH = 1.5
MISSING_SECONDS = 120.0
LOOKS_AT_ONCE = 32

Look = Callable[[Sequence[str]], dict[str, Sight]]
Ending = Seen | SlipwayError


@dataclass
class Lane:
    """Customers that one look shows together, and the rhythm in which it is taken.

    `look` answers for each customer it is given. What it raises holds for all of them.
    """

    customers: list[str]
    look: Look
    where: Callable[[str], str]
    pause: float = 0.0
    due: float = 0.0
    last: dict[str, str] = field(default_factory=dict)
    missing_since: dict[str, float] = field(default_factory=dict)

    def rest(self, busy: float) -> None:
        """Sets the next look: the pause grows, has jitter so that many releases do not ask at once, obeys Retry-After."""
        self.pause = min(max(FIRST_PAUSE_SECONDS, self.pause * GROWTH), LONGEST_PAUSE_SECONDS)
        self.due = time.monotonic() + max(busy, self.pause * random.uniform(0.7, 1.0))  # noqa: S311  jitter, no secret


def watch(lanes: list[Lane], limit_seconds: float) -> dict[str, Ending]:
    """Customer -> what it was seen running, or why not: `ReleaseRefused`, or `ServiceUnavailable` after the limit.

    Lanes are looked at by at most `LOOKS_AT_ONCE` threads; one that fails or is slow ends no other.
    """
    deadline = time.monotonic() + limit_seconds
    endings: dict[str, Ending] = {}
    under_way: dict[Future[dict[str, Ending]], Lane] = {}
    resting = list(lanes)
    with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="rollout") as pool:
        while resting or under_way:
            now = time.monotonic()
            due = [lane for lane in resting if lane.due <= now]
            resting = [lane for lane in resting if lane.due > now]
            # In the caller's context, so that what is logged there is told where the caller's lines are.
            under_way |= {pool.submit(copy_context().run, _take, lane, deadline, limit_seconds): lane for lane in due}
            for done in _ended(under_way, min((lane.due for lane in resting), default=None)):
                endings |= done.result()
                lane = under_way.pop(done)
                resting += [lane] if lane.customers else []
    return endings


def _ended(under_way: Iterable[Future[dict[str, Ending]]], until: float | None) -> Iterable[Future[dict[str, Ending]]]:
    """The looks that are over, waiting for one or for the moment when the next one is due."""
    seconds = None if until is None else max(0.0, until - time.monotonic())
    if not under_way:
        time.sleep(seconds or 0)
        return ()
    return wait(under_way, seconds, FIRST_COMPLETED).done


def _take(lane: Lane, deadline: float, limit_seconds: float) -> dict[str, Ending]:
    """One look at a lane: the customers that are done with leave it."""
    sights = sights_of(lane)
    busy = max((s.seconds for s in sights.values() if isinstance(s, Busy)), default=0.0)
    lane.rest(busy)
    # A look that would come after the limit is the last one taken now, at the limit if the server allows.
    last = time.monotonic() >= deadline or (busy > 0 and lane.due > deadline)
    endings = {c: e for c, s in sights.items() if (e := _ending(lane, c, s, last, limit_seconds))}
    lane.customers = [c for c in lane.customers if c not in endings]
    lane.due = min(lane.due, deadline) if not busy else lane.due
    return endings


def sights_of(lane: Lane) -> dict[str, Sight]:
    """A sight for each of the lane's customers; what the look raises holds for all of them."""
    sights: dict[str, Sight] = {}

    def look() -> Sight:
        sights.update(lane.look(lane.customers))
        return Waiting("nothing was found", missing=True)

    others = sight_of(", ".join(lane.customers[:3]), look)
    return {c: sights.get(c, others) for c in lane.customers}


def _ending(lane: Lane, customer: str, sight: Sight, last: bool, limit_seconds: float) -> Ending | None:
    """How a customer's wait ends with this sight; None when it goes on."""
    if isinstance(sight, Seen):
        reach("customer:verified")
        log.info("%s: %s", customer, sight.words)
        return sight
    if isinstance(sight, SlipwayError) and not isinstance(sight, ServiceUnavailable):
        return type(sight)(*(r.model_copy(update={"what": f"{customer}: {r.what}"}) for r in sight.reasons))
    words = _words(lane, customer, sight)
    where, gone_for = lane.where(customer), _missing(lane, customer, sight)
    if gone_for > MISSING_SECONDS:
        return ReleaseRefused.because(
            f"{customer}: not there for {gone_for:.0f} s: {words}",
            where,
            "check its name in the rollout section, and whether it was made; then start again",
        )
    if not last:
        return None
    step = getattr(sight, "next_step", "") or f"see why the rollout of {customer} is stuck"
    return ServiceUnavailable.because(
        f"{customer}: not seen running the release after {limit_seconds:g} s: {words}",
        where,
        f"{step}, then retry this run: it asks again and writes nothing twice",
    )


def _words(lane: Lane, customer: str, sight: Waiting | SlipwayError) -> str:
    """What is known of the customer now; a server's trouble does not make its last known state forgotten."""
    if isinstance(sight, Waiting):
        if lane.last.get(customer) != sight.words:
            log.info("%s: %s", customer, sight.words)
        lane.last[customer] = sight.words
        return sight.words
    trouble = sight.reasons[0].what
    before = lane.last.get(customer)
    return f"{trouble}; before that: {before}" if before else trouble


def _missing(lane: Lane, customer: str, sight: Sight) -> float:
    """Seconds for which nothing was found to look at; any other sight begins the count anew."""
    if isinstance(sight, Waiting) and sight.missing:
        return time.monotonic() - lane.missing_since.setdefault(customer, time.monotonic())
    if not isinstance(sight, ServiceUnavailable):
        lane.missing_since.pop(customer, None)
    return 0.0
