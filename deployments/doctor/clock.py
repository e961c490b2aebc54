"""Whether two clocks agree: approvals, freezes and signed links are about times that people read on different machines."""

import datetime
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from deployments.doctor.finding import Finding, ok, warning

APART_SECONDS = 30


def compare(area: str, whose: str, headers: Mapping[str, str]) -> Iterator[Finding]:
    """Compares this clock with the Date of an answer that has just come; nothing where there is none (RFC 9110, 6.6.1)."""
    try:
        there = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return
    apart = (datetime.datetime.now(datetime.UTC) - there.astimezone(datetime.UTC)).total_seconds()
    if abs(apart) > APART_SECONDS:
        how = "ahead of" if apart > 0 else "behind"
        yield warning(
            area,
            f"this clock is {abs(apart):.0f} s {how} {whose}'s",
            "let both follow a time server (timedatectl, chrony)",
        )
    else:
        yield ok(area, f"this clock and {whose}'s agree")
