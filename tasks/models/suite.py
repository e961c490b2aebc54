"""What is said of single tests: those that did not pass, and those that are in quarantine."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from tasks.models.values import Value


class TestCase(Value):
    """One test that did not pass."""

    __test__ = False
    name: str
    message: str
    output: str = ""
    where: str = Field(default="", description="`file:line`, where the JUnit file says it")
    retry: str = Field(default="", description="how `$FAILED_TESTS` names it, where that is not its name")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


Line = Annotated[str, AfterValidator(_one_line)]


class QuarantineEntry(Value):
    """A test that may fail for a while: who looks after it, why, and until when."""

    test: Line = Field(min_length=1, max_length=500, description="its name as the report shows it")
    suite: Line = Field(max_length=200, description="COMPONENT/SUITE, or e2e")
    owner: Line = Field(min_length=1, max_length=100, description="who mends it")
    reason: Line = Field(min_length=1, max_length=500, description="why it fails")
    until: datetime.date = Field(description="last day on which its failure is forgiven, such as 2026-12-24")

    def __str__(self) -> str:
        return f"{self.suite}: {self.test}, {self.owner} until {self.until}: {self.reason}"


class Quarantine(Value):
    """The tests in quarantine at one commit, as of one day in UTC: a run that is retried tomorrow judges as it did today."""

    day: datetime.date = datetime.date.min
    entries: tuple[QuarantineEntry, ...] = ()

    def of(self, suite: str) -> Self:
        """The entries of one suite."""
        return self.model_copy(update={"entries": tuple(e for e in self.entries if e.suite == suite)})

    def entry(self, test: str) -> QuarantineEntry | None:
        """The entry of a test, over or not."""
        return next((e for e in self.entries if e.test == test), None)

    def forgives(self, test: str) -> bool:
        """Whether the test may fail today."""
        entry = self.entry(test)
        return entry is not None and entry.until >= self.day


class Quarantined(Value):
    """A test in quarantine, and what it did this time."""

    entry: QuarantineEntry
    did: Literal["fail", "pass", "not run"] = Field(
        description="not run: skipped, or no test of the suite has this name"
    )
    test: TestCase | None = Field(default=None, description="how it failed")
