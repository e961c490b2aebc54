"""Answers the approval of a sleeping run through the API, the way a click on *Resume* in the Prefect UI does."""

from typing import Any

from deployments.approve import command as approve
from deployments.demo.display import Display
from tasks.errors import ReleaseRefused


def answer(_client: Any, run: Any, display: Display) -> bool:
    """Whether the server took the answer; not so when the run has moved on meanwhile."""
    try:
        given = approve.answer(approve.waiting(str(run.id)), "approve", "the demo", "answered through the API")
    except ReleaseRefused:
        return False
    display.say(f"approved through the API, plan {given.plan}")
    return True
