"""What the nightly run asks, and what it was answered."""

from typing import Literal

from pydantic import Field

from tasks.models.evidence import Image, SuiteResult
from tasks.models.request import Override
from tasks.models.suite import Quarantine
from tasks.models.values import CommitId, Digest, Name, Reason, Value


class OpenOverride(Value):
    """One override that was used and is not made good yet, as the ledger in the GitOps repository has it."""

    id: str = Field(description="release and gate, as `1f3a9c2d4e5f-e2e`; what `slipway overrides clear` takes")
    override: Override
    release: CommitId
    when: str = Field(
        description="time of the release's commit, ISO 8601: it makes a repeated ring commit the same one"
    )
    rings: tuple[Name, ...] = Field(description="the rings that the release went to, by name")
    trees: dict[Name, str] = Field(
        default={}, description="suites and migrations: component -> git tree whose check had failed"
    )

    def __str__(self) -> str:
        return f"{self.id}: {self.override}"


class Ledger(Value):
    """Every open override, oldest first, and what in the ledger cannot be read."""

    entries: tuple[OpenOverride, ...] = ()
    problems: tuple[Reason, ...] = ()


class Version(Value):
    """One set of images that customers run, of the newest release that has it."""

    release: CommitId
    images: tuple[Image, ...]
    customers: tuple[Name, ...]
    head: str | None = None


class Tested(Value):
    """What the full end-to-end suite said of one version."""

    __test__ = False
    version: Version
    result: SuiteResult | None = Field(default=None, description="of all shards; None: it could not be run")
    reasons: tuple[Reason, ...] = Field(default=(), description="why it is not green")
    quarantine: Quarantine = Quarantine()

    @property
    def green(self) -> bool:
        """Whether every test passed."""
        return self.result is not None and not self.reasons


class Sighting(Value):
    """What one customer was seen running, beside what the GitOps repository states."""

    customer: Name
    seen: Literal["as stated", "something else", "not seen"] = Field(description="not seen: nobody there could tell")
    words: str = ""


class UnusedImage(Value):
    """An image of ours in the registry that no customer runs or may go back to."""

    repository: str
    digest: Digest
    tags: tuple[str, ...]
    since: str = Field(description="day on which it was first found unused, ISO 8601")
    deleted: bool = False


class Answer(Value):
    """What the night says to one question; each red reason has a next step."""

    question: str
    said: str = Field(description="the answer in a line, with counts")
    red: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="what is good to know and makes nothing red")


class NightlyReport(Value):
    """The night's answers, green or red."""

    app: Name
    answers: tuple[Answer, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is red, in the order of the questions; none: it is green."""
        return tuple(reason for answer in self.answers for reason in answer.red)

    @property
    def green(self) -> bool:
        """Whether nothing is red."""
        return not self.reasons

    @property
    def headline(self) -> str:
        """The verdict in a line: `green`, or `red: 2 of 6 questions`."""
        red = sum(bool(a.red) for a in self.answers)
        return f"red: {red} of {len(self.answers)} questions" if red else f"green: {len(self.answers)} questions"
