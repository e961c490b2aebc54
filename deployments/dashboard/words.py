"""Times and counts as people say them."""

import datetime
from functools import lru_cache

SPANS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "min"))


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `3.5 d`: two digits are enough to compare by."""
    for size, unit in SPANS:
        if seconds >= size:
            value = seconds / size
            return f"{value:.1f}".removesuffix(".0") + f" {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(when: float, now: float) -> str:
    """`just now`, `3 h ago`; a clock that is ahead of ours is now, too."""
    seconds = now - when
    if seconds < 60:
        return "just now"
    size, unit = next(s for s in SPANS if seconds >= s[0])
    return f"{seconds // size:.0f} {unit} ago"


@lru_cache(maxsize=10_000)
def iso(when: float) -> str:
    """`2026-11-25T10:00:00Z`."""
    return datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(number: int, noun: str) -> str:
    """`1 customer`, `12 customers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """`12 %`."""
    return f"{100 * share:.0f} %"
