"""What was built and proven: changes, images, suites, migrations, and the gate's verdict."""

from typing import Any, Literal

from pydantic import Field

from tasks.models.fleet import Deployed, tag_of
from tasks.models.proof import ReusedFrom
from tasks.models.request import Overridden
from tasks.models.suite import Quarantined, TestCase
from tasks.models.values import CommitId, Digest, Key, Name, Value


class ComponentChange(Value):
    """One component at the new commit, beside what was released last."""

    name: Name
    tree: str
    changed: bool
    key: Key | Literal[""] = Field(default="", description="what its image is found by; none: by its tree")
    because: str = Field(default="", description="why it has changed")
    released: Deployed | None = Field(
        default=None, description="the released image of the same content, if there is one"
    )

    @property
    def tag(self) -> str:
        """The tag that an image of this content has in the registry."""
        return tag_of(self.tree, self.key)


class Changes(Value):
    """What is new since the last released commit; without a base everything is."""

    base: CommitId | None
    components: tuple[ComponentChange, ...]
    end_to_end: bool = Field(description="whether the end-to-end suite has something to see")
    end_to_end_key: Key | Literal[""] = Field(default="", description="content key of the end-to-end tests")
    digests: dict[str, str] = Field(
        default={}, description="image that a build or a suite begins from -> its digest, or that it was not known"
    )

    def component(self, name: str) -> ComponentChange:
        """The change of one component."""
        return next(c for c in self.components if c.name == name)

    @property
    def nothing(self) -> str:
        """Why there is nothing to release, in words; empty when there is something."""
        if self.base is None or self.end_to_end or any(c.changed for c in self.components):
            return ""
        names = ", ".join(c.name for c in self.components)
        return f"nothing that {names} or their tests are made of has changed since {self.base[:7]}"


class Image(Value):
    """One component's image in the registry."""

    component: Name
    repository: str
    digest: Digest
    revision: CommitId
    tree: str
    key: Key | Literal[""] = Field(default="", description="content key; none: released by an older version")
    built: bool = Field(description="False: its content was in the registry already")
    built_by: str = Field(default="", description="the builder; empty when it was not built now")
    seconds: float

    @property
    def reference(self) -> str:
        """`repository@sha256:...`, the form that is deployed wherever a GitOps file has room for it."""
        return f"{self.repository}@{self.digest}"

    @property
    def tag(self) -> str:
        """The tag that its content is found by in the registry."""
        return tag_of(self.tree, self.key)

    @property
    def names(self) -> tuple[str, str]:
        """What a GitOps file may say of it: its digest, or its tag where there is no room for a digest."""
        return self.digest, self.tag


class SuiteResult(Value):
    """How one suite ended: counts from its JUnit file, or one test standing for the command's exit code."""

    suite: str
    component: str
    passed: int
    failed: tuple[TestCase, ...] = ()
    skipped: int = 0
    seconds: float
    junit: bool = Field(description="False: the suite wrote no JUnit file, the exit code alone was judged")
    coverage: float | None = Field(
        default=None, description="share of lines that its tests ran, 0 to 1, where it says so"
    )
    reused: ReusedFrom | None = Field(default=None, description="the run that it is of, when it did not run again")
    flaky: tuple[TestCase, ...] = Field(default=(), description="failed once and passed once; counted as passed")
    quarantined: tuple[Quarantined, ...] = Field(default=(), description="what each test in quarantine did")
    kept: tuple[str, ...] = Field(
        default=(),
        description="files of its failed attempts, as `RUN/SUITE/...` under the folder `runs` of the Slipway home",
    )

    @property
    def name(self) -> str:
        """`backend unit`."""
        return f"{self.component} {self.suite}"

    @property
    def forgiven(self) -> tuple[Quarantined, ...]:
        """The tests that failed and are in quarantine."""
        return tuple(q for q in self.quarantined if q.did == "fail")


class Proof(Value):
    """The record of a suite that passed, as it stands in the registry beside the image."""

    key: Key
    parts: dict[str, Any] = Field(description="what went into the key")
    by: ReusedFrom
    result: SuiteResult


class Finding(Value):
    """One thing a migration does that a person must know."""

    rule: str
    family: Literal["compatibility", "locks", "graph"]
    blocking: bool
    revision: str
    object: str
    effect: str
    next_step: str
    evidence: str = Field(default="", description="what PostgreSQL, Alembic or the file said")
    accepted_because: str = ""


Phase = Literal["expand", "contract", "none"]


class MigrationReport(Value):
    """What the pending revisions did to a scratch database, from each place where customers stand."""

    head: str | None
    starts: tuple[str | None, ...] = ()
    pending: dict[str, tuple[str, ...]] = Field(default={}, description="start ('' for none) -> revisions, in order")
    phases: dict[str, Phase] = Field(default={}, description="revision -> whether it takes something from running code")
    findings: tuple[Finding, ...] = ()
    locks: dict[str, tuple[str, ...]] = Field(
        default={}, description="revision -> the strongest lock it takes on each table that was there before"
    )
    seconds: float = 0.0


class Running(Value):
    """One release of the component with the migrations that customers run now."""

    digest: Digest
    head: str | None
    customers: tuple[Name, ...]


class Compatibility(Value):
    """A release that customers run passed its smoke suite on the new schema, now or before with the same migrations."""

    running: Running
    reused: bool


class Evidence(Value):
    """What every check said; complete only when the gate let it pass."""

    images: tuple[Image, ...]
    suites: tuple[SuiteResult, ...] = ()
    migrations: MigrationReport | None = None
    compatibility: tuple[Compatibility, ...] = ()
    cancelled: tuple[str, ...] = Field(default=(), description="checks that were ended because nobody needed them")
    overridden: tuple[Overridden, ...] = Field(default=(), description="gates that a person let the release pass")

    @property
    def forgiven(self) -> str:
        """What of the tests was let pass: `1 flaky test, 2 failed in quarantine`; empty when nothing was."""
        flaky, failed = sum(len(s.flaky) for s in self.suites), sum(len(s.forgiven) for s in self.suites)
        said = [f"{flaky} flaky test{'s' if flaky != 1 else ''}"] if flaky else []
        return ", ".join([*said, *([f"{failed} failed in quarantine"] if failed else [])])
