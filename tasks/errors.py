"""The two kinds of error: `ReleaseRefused` (trying again cannot help) and `ServiceUnavailable` (it may)."""

from collections.abc import Iterable
from typing import Self

from tasks.models import Reason
from tasks.secrets.masking import mask


class SlipwayError(Exception):
    """Something a person must read: one or more reasons, each with what happened, where, and what to do next.

    `headline` tells all of them in a few words, where somebody has set it.
    """

    headline = ""

    def __init__(self, *reasons: Reason | str) -> None:
        """Takes reasons; a bare string stands for an error read back from storage."""
        # Its text goes into states, reports and logs, also where it quotes what a program said.
        self.reasons = tuple(_masked(r) if isinstance(r, Reason) else Reason(what=mask(r)) for r in reasons)
        super().__init__("\n".join(str(r) for r in self.reasons))

    @classmethod
    def because(cls, what: str, where: str = "", next_step: str = "") -> Self:
        """One reason as an error."""
        return cls(Reason(what=what, where=where, next_step=next_step))


def _masked(reason: Reason) -> Reason:
    masked = {name: mask(text) for name, text in reason}
    return reason if masked == dict(reason) else Reason(**masked)


class ReleaseRefused(SlipwayError):
    """Terminal: the same input will be refused again until a person changes something."""


class ConfigInvalid(ReleaseRefused):
    """`release.yaml` is missing or wrong; names file, line and key."""


class ServiceUnavailable(SlipwayError):
    """Transient: Docker, a registry, a git remote, PostgreSQL or a cluster did not answer; retried by `steps.py`."""


class RateLimited(ServiceUnavailable):
    """A server asks for fewer requests; `retry_after_seconds` is how long it wants to be left alone."""

    def __init__(self, *reasons: Reason | str, retry_after_seconds: float = 60.0) -> None:
        super().__init__(*reasons)
        self.retry_after_seconds = retry_after_seconds


class Superseded(ReleaseRefused):
    """A newer release came first; this one must not replace it."""


def combine(errors: Iterable[SlipwayError]) -> SlipwayError:
    """All reasons of several errors as one: terminal if any of them is, because a retry could not pass then."""
    errors = list(errors)
    kind = ServiceUnavailable if all(isinstance(e, ServiceUnavailable) for e in errors) else ReleaseRefused
    return kind(*(reason for error in errors for reason in error.reasons))
