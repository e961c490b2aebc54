"""How it ended: customers, steps, the report."""

from typing import Literal

from pydantic import Field

from tasks.models.plan import Release
from tasks.models.values import CommitId, Name, Value

StatusState = Literal["pending", "success", "failure"]


OutcomeName = Literal[
    "promoted", "unchanged", "held", "conflict", "gone", "refused", "failed", "rolled back", "superseded"
]


COMPLETE: frozenset[OutcomeName] = frozenset({"promoted", "unchanged", "held", "gone"})


class Outcome(Value):
    """How a promotion ended."""

    customer: Name
    ring: Name
    outcome: OutcomeName
    because: str = ""
    next_step: str = ""
    versions: dict[str, str] = Field(default={}, description="component -> commit that it answers")
    seconds: float = 0.0


class Span(Value):
    """One step of a run as Prefect recorded it; seconds since the run's first step began."""

    name: str
    start: float
    end: float
    after: tuple[str, ...] = Field(default=(), description="ids of the steps whose results it needed")


class Newer(Value):
    """A release that came instead of another: main came to its commit later."""

    commit: CommitId
    run: str = Field(description="id of its Prefect flow run")
    url: str = Field(description="where people see that run")


class ReleaseReport(Value):
    """The end of a release: every customer with a named outcome."""

    release: Release
    outcomes: tuple[Outcome, ...]
    forgiven: str = Field(default="", description="what of the tests was let pass, as `1 flaky test`")

    @property
    def complete(self) -> bool:
        """Whether every customer is where the plan wanted it, or kept elsewhere by a person's decision."""
        return all(o.outcome in COMPLETE for o in self.outcomes)
