"""Sees a customer running the release by asking its version endpoints over HTTP."""

import logging
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from tasks.config import Config
from tasks.errors import ServiceUnavailable
from tasks.models import Release

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
ANSWER_SECONDS = 5
PAUSE_SECONDS = 0.5


def verify_customer(config: Config, release: Release, customer: str) -> dict[str, str]:
    """Waits until each component answers the commit that its image was built from; returns what they answered.

    A component whose image was reused answers the commit that built it, which is what the release names.
    Raises `ServiceUnavailable` with the last answer of each when the time limit passes.
    """
    expected = {c: release.image(c).revision for c in config.rollout.versions}
    deadline = time.monotonic() + config.rollout.timeout
    while True:
        seen = ask(config, customer)
        if seen == expected:
            log.info("%s: runs %s", customer, ", ".join(f"{c} {v[:7]}" for c, v in seen.items()))
            return seen
        if time.monotonic() > deadline:
            raise ServiceUnavailable.because(
                f"{customer}: not seen running the release after {config.rollout.timeout:g} s: {_compared(expected, seen)}",
                config.rollout.address(customer),
                f"see why the rollout of {customer} is stuck, then retry this run: it asks again and writes nothing twice",
            )
        time.sleep(PAUSE_SECONDS)


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
    except httpx.TransportError as error:
        return f"no answer ({error or type(error).__name__})"
    except (ValueError, AttributeError):
        return "an answer that is not a JSON object"
    return str(version) if version else f"HTTP {answer.status_code} without a commit"


def _compared(expected: Mapping[str, str], seen: Mapping[str, str]) -> str:
    return "; ".join(f"{c} answers {seen[c]}, expected {v[:7]}" for c, v in expected.items() if seen[c] != v)
