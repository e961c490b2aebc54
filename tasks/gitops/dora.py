"""The four DORA figures out of the GitOps history: how often, how soon, how often wrong, how soon right again.

Source of the four: DORA, "DORA's software delivery metrics"; what exactly is counted here stands at each field, because the
history knows when customers were given a release, not when they were seen running it.
"""

import datetime
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from tasks.gitops.history import Event
from tasks.models import CommitId, Value

FEW = 5


class Spread(Value):
    """Seconds, of how many values. The 90th percentile is by nearest rank: a value that was there."""

    count: int
    median: float
    p90: float

    @property
    def few(self) -> bool:
        """Whether there are too few values to say much."""
        return self.count < FEW


class Week(Value):
    """One week, Monday to Sunday in UTC."""

    monday: datetime.date
    deployments: int
    failed: int = Field(description="how many of these deployments were put back somewhere, whenever that was")


class Dora(Value):
    """The figures of some whole weeks and the week that is running."""

    weeks: tuple[Week, ...]
    deployments: int = Field(description="releases that reached their first customer in these weeks")
    updates: int = Field(description="times that a customer got one of these releases")
    per_week: float = Field(description="deployments a week, over the time since the first event in these weeks")
    lead_first: Spread | None = Field(description="app's commit -> GitOps commit that gave it to the first customer")
    lead: Spread | None = Field(description="app's commit -> GitOps commit, one value for each customer and release")
    failed: int = Field(description="deployments that were put back at one customer or more")
    restore: Spread | None = Field(description="commit that gave a customer a release -> commit that put it back")
    untimed: int = Field(description="ring commits whose time is not known; they count in no duration")

    @property
    def failure_rate(self) -> float | None:
        """Failed deployments as a share of all; None without any."""
        return self.failed / self.deployments if self.deployments else None


@dataclass
class _Deployment:
    """One release as the history has it.

    `given` has (when, whether that is known) for each customer that got it; `restored` has (when, seconds since the customer
    got it) for each that was put back, without seconds where that time is not known.
    """

    first: int
    given: list[tuple[int, bool]] = field(default_factory=list)
    restored: list[tuple[int, int | None]] = field(default_factory=list)
    committed: int | None = None


def dora(events: Sequence[Event], now: float, weeks: int, committed: Mapping[CommitId, int] | None = None) -> Dora:
    """The figures of the last `weeks` weeks, the running one included, as of `now` (seconds since 1970).

    `committed` says when the app's commits were made, for rings whose own commit does not.
    """
    mondays = _mondays(now, weeks)
    since = datetime.datetime.combine(mondays[0], datetime.time(), datetime.UTC).timestamp()
    everything = _deployments(events, committed or {})
    seen = [d for d in everything if d.first >= since]
    leads = [w - d.committed for d in everything for w, timed in d.given if timed and d.committed and w >= since]
    firsts = [d.first - d.committed for d in seen if d.committed and d.given[0][1]]
    restored = [s for d in everything for when, s in d.restored if s is not None and when >= since]
    begun = max(since, min((e.when for e in events), default=now))
    return Dora(
        weeks=tuple(_weeks(mondays, seen)),
        deployments=len(seen),
        updates=sum(len(d.given) for d in seen),
        per_week=round(len(seen) / max(1.0, (now - begun) / (7 * 86400)), 2),
        lead_first=_spread(firsts),
        lead=_spread(leads),
        failed=sum(bool(d.restored) for d in seen),
        restore=_spread(restored),
        untimed=sum(1 for e in events if e.kind == "release" and not e.timed and e.when >= since),
    )


def _deployments(events: Sequence[Event], committed: Mapping[CommitId, int]) -> list[_Deployment]:
    """Every release, by the time at which it reached its first customer."""
    found: dict[CommitId, _Deployment] = {}
    got: dict[tuple[str, CommitId], Event] = {}
    for event in events:
        for change in event.moves:
            before, after = change.before.release, change.after.release
            if event.kind == "rollback":
                _put_back(found, event, got.get((change.customer, before or "")), before)
            elif event.kind == "release" and after:
                got[change.customer, after] = event
                one = found.setdefault(after, _Deployment(event.when))
                one.given.append((event.when, event.timed))
                one.committed = one.committed or event.committed or committed.get(after)
    return list(found.values())


def _put_back(
    found: Mapping[CommitId, _Deployment], event: Event, given: Event | None, release: CommitId | None
) -> None:
    """Notes a customer's way back at the release that it came from, if that is in the history."""
    if one := found.get(release or ""):
        known = given and given.timed and event.timed
        one.restored.append((event.when, event.when - given.when if known and given else None))


def _spread(seconds: Iterable[float]) -> Spread | None:
    """None without values. Clocks of two machines may disagree: less than nothing is nothing."""
    values = sorted(max(0.0, float(s)) for s in seconds)
    if not values:
        return None
    return Spread(count=len(values), median=statistics.median(values), p90=values[math.ceil(0.9 * len(values)) - 1])


def _mondays(now: float, weeks: int) -> list[datetime.date]:
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    monday = today - datetime.timedelta(days=today.weekday())
    return [monday - datetime.timedelta(weeks=n) for n in range(weeks - 1, -1, -1)]


def _weeks(mondays: Sequence[datetime.date], seen: Sequence[_Deployment]) -> Iterator[Week]:
    for monday in mondays:
        mine = [d for d in seen if _monday(d.first) == monday]
        yield Week(monday=monday, deployments=len(mine), failed=sum(bool(d.restored) for d in mine))


def _monday(when: int) -> datetime.date:
    day = datetime.datetime.fromtimestamp(when, datetime.UTC).date()
    return day - datetime.timedelta(days=day.weekday())
