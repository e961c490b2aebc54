"""What one look at a customer says: it runs the release, it does not yet, or it never will by itself."""

from typing import NamedTuple

from tasks.errors import SlipwayError
from tasks.models import Value

WORDS = 300


class Seen(Value):
    """A customer that runs the release: component -> what it runs, and the same in words."""

    versions: dict[str, str]
    words: str


class Waiting(NamedTuple):
    """A customer that does not run it yet, in words; `missing` where nothing was found to look at, `silent` where nobody answered."""

    words: str
    missing: bool = False
    next_step: str = ""
    silent: bool = False


Sight = Seen | Waiting | SlipwayError
"""A `ServiceUnavailable` is no end either: the customer is asked again until its time is over."""


def told(text: object) -> str:
    """What a server said, on one line and not for ever: messages carry whatever a pod or a commit wrote."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text or "")).split())
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"


def short(digest_or_revision: str) -> str:
    """`sha256:1f3a…` or `1a2b3c4`: enough to know it again."""
    algorithm, colon, digits = digest_or_revision.rpartition(":")
    return f"{algorithm}:{digits[:8]}…" if colon else digits[:7]
