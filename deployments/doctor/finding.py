"""What one look says: all right, something to look at, or something that a release would fail on."""

from typing import Literal

from tasks.errors import SlipwayError
from tasks.models import Value

State = Literal["ok", "warning", "wrong"]


class Finding(Value):
    """`area` groups findings, `told` is one sentence, `next_step` what to do; it is empty only where all is right."""

    area: str
    state: State
    told: str
    next_step: str = ""


def ok(area: str, told: str) -> Finding:
    """All right."""
    return Finding(area=area, state="ok", told=told)


def warning(area: str, told: str, next_step: str) -> Finding:
    """A release can go on, but a person should look."""
    return Finding(area=area, state="warning", told=told, next_step=next_step)


def wrong(area: str, told: str, next_step: str) -> Finding:
    """A release would fail, or anyone could start one."""
    return Finding(area=area, state="wrong", told=told, next_step=next_step)


def from_error(area: str, error: SlipwayError, state: State = "wrong") -> list[Finding]:
    """An error's reasons as findings."""
    return [
        Finding(
            area=area,
            state=state,
            told=f"{reason.what} ({reason.where})" if reason.where else reason.what,
            next_step=reason.next_step or "see what it says",
        )
        for reason in error.reasons
    ]
