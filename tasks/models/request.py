"""What a run is asked for: a commit, and the gates that a person lets it pass."""

from typing import Literal

from pydantic import Field, field_validator

from tasks.models.values import CommitId, Name, Reason, Value

Gate = Literal["freeze", "soak", "e2e", "suites", "migrations"]
"""What may say no to a release and may be overridden, if `policy.override` names it."""


class Override(Value):
    """A gate passed by a person's decision; written into commit and report."""

    gate: Gate = Field(
        description="which gate is passed: freeze and soak are times; e2e, suites (unit tests, linters) and migrations are checks"
    )
    # A pattern, since a form takes a blank for a text.
    reason: str = Field(
        min_length=1, max_length=500, pattern=r"\S", description="why; people read it until it is made good"
    )
    by: str = Field(min_length=1, max_length=100, pattern=r"\S", description="who decides it")

    def __str__(self) -> str:
        return f"{self.gate} by {self.by}: {self.reason}"


class Overridden(Value):
    """A gate that a person let a release pass, and what it had said; no reasons: a time was not waited for."""

    override: Override
    reasons: tuple[Reason, ...] = ()
    components: tuple[Name, ...] = Field(default=(), description="suites: whose tests failed")

    def __str__(self) -> str:
        failed = " failed," if self.reasons else ""
        return f"{self.override.gate}{failed} passed by {self.override.by}: {self.override.reason}"


class ReleaseRequest(Value):
    """What a push asks for. A hint: the commit itself is read from the app's repository."""

    commit: CommitId = Field(description="the commit of the app's main to release, 40 hex digits")
    overrides: tuple[Override, ...] = Field(
        default=(),
        max_length=5,
        description="gates that a person lets this release pass, each with a reason and a name",
    )
    reuse: bool = Field(
        default=True,
        description="whether images and results of the same content count; no: all is built and tested anew",
    )

    @field_validator("overrides")
    @classmethod
    def _each_gate_once(cls, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
        gates = [o.gate for o in overrides]
        if twice := sorted({g for g in gates if gates.count(g) > 1}):
            raise ValueError(f"{', '.join(twice)} is overridden twice; say it once")
        return overrides

    def passes(self, gate: str) -> bool:
        """Whether a person lets the release pass a gate."""
        return any(o.gate == gate for o in self.overrides)
