"""Freeze windows: times in which no ring is begun, as clocks on the wall in their own time zone say."""

import datetime
from zoneinfo import ZoneInfo

from tasks.config.gitops import Freeze
from tasks.config.model import Config
from tasks.config.types import WEEKLY, is_weekly
from tasks.errors import ReleaseRefused
from tasks.models import Name, ReleaseRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60


class Frozen(ReleaseRefused):
    """The ring may not begin now; it may later, by itself."""


def require_open(config: Config, request: ReleaseRequest, ring: Name) -> None:
    """Raises `Frozen` when the ring may not begin now and nobody who may said that it shall."""
    if (why := frozen(config, ring)) and not request.passes("freeze"):
        raise Frozen.because(
            f"ring {ring}: {why}",
            "release.yaml, policy.freeze",
            "retry this run when it is over, or `slipway release --override freeze --reason WHY`",
        )


def frozen(config: Config, ring: Name, now: datetime.datetime | None = None) -> str:
    """Why a ring may not begin now, and until when; empty when it may. `now` is aware; without it the clock is asked."""
    now = now or datetime.datetime.now(datetime.UTC)
    for freeze in config.policy.freeze:
        if (not freeze.rings or ring in freeze.rings) and _covers(freeze, now):
            return f"frozen until {freeze.until} ({freeze.timezone}): {freeze.reason}"
    return ""


def _covers(freeze: Freeze, now: datetime.datetime) -> bool:
    """The first moment belongs to the window, the last one does not."""
    zone = ZoneInfo(freeze.timezone)
    if not is_weekly(freeze.start):
        start, until = (datetime.datetime.fromisoformat(t).replace(tzinfo=zone) for t in (freeze.start, freeze.until))
        return start <= now < until
    local = now.astimezone(zone)
    minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
    start, until = _minute(freeze.start), _minute(freeze.until)
    # A window may go over the end of the week: from Friday to Monday. One that ends where it begins is the whole week.
    return (minute - start) % WEEK < ((until - start) % WEEK or WEEK)


def _minute(time: str) -> int:
    """Minutes since Monday, midnight."""
    match = WEEKLY.fullmatch(time)
    assert match is not None  # noqa: S101 - the configuration has checked it
    return (DAYS.index(match[1]) * 24 + int(match[2])) * 60 + int(match[3])
