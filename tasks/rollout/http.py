"""Sees a customer running the release by asking its version endpoints over HTTP."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.models import Release
from tasks.rollout.sight import Seen, Sight, Waiting
from tasks.rollout.watch import Lane, Look, watch

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 5
COMMIT = re.compile(r"[0-9a-f]{7,40}")


def verify_customer(config: Config, release: Release, customer: str) -> dict[str, str]:
    """Waits until each component answers the commit that its image was built from; returns what they answered.

    A component whose image was reused answers the commit that built it, which is what the release names.
    Raises `ServiceUnavailable` with the last answer of each when the time limit passes.
    """
    lane = Lane(customers=[customer], look=looking(config, release), where=config.rollout.address)
    ending = watch([lane], config.rollout.timeout)[customer]
    if isinstance(ending, SlipwayError):
        raise ending
    return ending.versions


def looking(config: Config, release: Release) -> Look:
    """A look at customers by their version endpoints."""
    expected = {c: release.image(c).revision for c in config.rollout.versions}

    def look(customers: Sequence[str]) -> dict[str, Sight]:
        return {customer: _sight(expected, ask(config, customer)) for customer in customers}

    return look


def _sight(expected: Mapping[str, str], seen: dict[str, str]) -> Sight:
    if seen == expected:
        return Seen(versions=seen, words=f"runs {', '.join(f'{c} {v[:7]}' for c, v in seen.items())}")
    return Waiting(_compared(expected, seen), silent=not any(COMMIT.fullmatch(v) for v in seen.values()))


def ask(config: Config, customer: str) -> dict[str, str]:
    """Component -> the commit it answers, or in words why it answers none."""
    return {c: _version(config.rollout.address(customer) + path) for c, path in config.rollout.versions.items()}


@cache
def _client() -> "httpx.Client":
    """One client for all threads: making one loads every certificate of the machine."""
    import httpx

    return httpx.Client(timeout=ANSWER_SECONDS)


def _version(url: str) -> str:
    import httpx

    try:
        answer = _client().get(url)
        version = answer.json().get("commit") if answer.is_success else None
    except (httpx.RequestError, httpx.InvalidURL) as error:  # one that cannot be decoded is none
        return f"no answer ({error or type(error).__name__})"
    except (ValueError, AttributeError, RecursionError):
        return "an answer that is not a JSON object"
    return str(version) if version else f"HTTP {answer.status_code} without a commit"


def _compared(expected: Mapping[str, str], seen: Mapping[str, str]) -> str:
    return "; ".join(f"{c} answers {seen[c]}, expected {v[:7]}" for c, v in expected.items() if seen[c] != v)
