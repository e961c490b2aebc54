"""The values that travel between steps, in story order. All frozen, all JSON."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of the app, 40 hex digits. Order is ancestry on main's first-parent line, never time."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""What an image is, as the registry answered it: `sha256:` and 64 hex digits."""

NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
"""A DNS label: customers, components, rings."""


class Value(BaseModel):
    """Base of everything here: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(Value):
    """Why something was refused: what happened, where, and what to do next."""

    what: str
    where: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  next:  {self.next_step}"] if self.next_step else []
        return "\n".join(lines)


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


class Source(Value):
    """One commit of the app, seen to be on main."""

    commit: CommitId
    subject: str
    author: str
    trees: dict[str, str] = Field(description="path in the app -> git tree id there, for each component and e2e")


def tag_of(tree: str) -> str:
    """The tag of the image that was built from a tree."""
    return f"tree-{tree}"


class Deployed(Value):
    """One component as a customer has it now."""

    digest: Digest
    revision: CommitId = Field(description="the commit that the image was built from and answers as its version")
    tree: str = Field(description="git tree id of the component's path at that commit")


class Hold(Value):
    """A customer kept where it is by a person's decision."""

    reason: str
    owner: str
    until: str = Field(default="", description="a date, ISO 8601; empty holds until the block is removed")

    @classmethod
    def after_failure(cls, commit: str) -> "Hold":
        """Ours, of a customer where a release failed and which was put back: it tells a later attempt that this was so."""
        return cls(reason=f"release {commit[:7]} failed here", owner="slipway")


class Customer(Value):
    """One isolated environment as the GitOps repository's tip states it."""

    name: Name
    ring: Name
    release: CommitId | None = Field(default=None, description="commit of its last release; None before the first")
    components: dict[str, Deployed] = Field(default={}, description="what its last release put there")
    runs: dict[str, str] = Field(default={}, description="component -> digest, or tag, as its files say now")
    head: str | None = Field(default=None, description="the migration head its database is at; None: no migration ran")
    hold: Hold | None = None
    problem: Reason | None = Field(default=None, description="why this customer cannot be promoted; others go on")

    def is_by_hand(self, component: str) -> bool:
        """Whether its files say another image than its last release put there."""
        done, runs = self.components.get(component), self.runs.get(component)
        return bool(done and runs) and runs not in (done.digest, tag_of(done.tree))


class Fleet(Value):
    """Every customer, in ring order, at one commit of the GitOps repository."""

    tip: CommitId
    customers: tuple[Customer, ...]


class ComponentChange(Value):
    """One component at the new commit, beside what was released last."""

    name: Name
    tree: str
    changed: bool
    released: Deployed | None = Field(default=None, description="the released image of the same tree, if there is one")


class Changes(Value):
    """What is new since the last released commit; without a base everything is."""

    base: CommitId | None
    components: tuple[ComponentChange, ...]
    end_to_end: bool = Field(description="whether the end-to-end suite has something to see")

    def component(self, name: str) -> ComponentChange:
        """The change of one component."""
        return next(c for c in self.components if c.name == name)


class Image(Value):
    """One component's image in the registry."""

    component: Name
    repository: str
    digest: Digest
    revision: CommitId
    tree: str
    built: bool = Field(description="False: its content was in the registry already")
    seconds: float

    @property
    def reference(self) -> str:
        """`repository@sha256:...`, the form that is deployed wherever a GitOps file has room for it."""
        return f"{self.repository}@{self.digest}"

    @property
    def tag(self) -> str:
        """The tag that its content is found by in the registry."""
        return tag_of(self.tree)

    @property
    def names(self) -> tuple[str, str]:
        """What a GitOps file may say of it: its digest, or its tag where there is no room for a digest."""
        return self.digest, self.tag


class TestCase(Value):
    """One test that did not pass."""

    __test__ = False
    name: str
    message: str
    output: str = ""


class SuiteResult(Value):
    """How one suite ended: counts from its JUnit file, or one test standing for the command's exit code."""

    suite: str
    component: str
    passed: int
    failed: tuple[TestCase, ...] = ()
    skipped: int = 0
    seconds: float
    junit: bool = Field(description="False: the suite wrote no JUnit file, the exit code alone was judged")


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
    overridden: tuple[Overridden, ...] = Field(default=(), description="gates that a person let the release pass")


class PendingMigration(Value):
    """One revision that a customer's database is still to run, and what the check saw it lock."""

    revision: str
    phase: Phase = "none"
    locks: tuple[str, ...] = Field(default=(), description="what it locks and for how long, in words")

    def __str__(self) -> str:
        return f"{self.revision} ({self.phase})" + (f": {'; '.join(self.locks)}" if self.locks else "")


class Release(Value):
    """Commit + one image per component + migration head. Made once, never changed."""

    commit: CommitId
    subject: str
    images: tuple[Image, ...]
    head: str | None
    contracts: tuple[str, ...] = Field(
        default=(), description="pending revisions that take something from the code before"
    )
    pending: dict[str, tuple[PendingMigration, ...]] = Field(
        default={}, description="head of a customer ('' for none) -> what its database is still to run, in order"
    )
    overridden: tuple[Overridden, ...] = Field(default=(), description="gates that a person let it pass")

    @property
    def overrides_told(self) -> str:
        """`e2e failed, passed by kari: why`, of each gate that was passed, for a status or a message; empty without any."""
        return "; ".join(map(str, self.overridden))

    @property
    def deployed(self) -> dict[str, Deployed]:
        """Component -> its image as a state file keeps it."""
        return {i.component: Deployed(digest=i.digest, revision=i.revision, tree=i.tree) for i in self.images}

    def image(self, component: str) -> Image:
        """The image of one component."""
        return next(i for i in self.images if i.component == component)


Standing = Literal["promote", "unchanged", "held", "conflict", "gone", "refused", "superseded", "failed"]


class Promotion(Value):
    """One release to one customer, as planned: what changes, or why nothing does."""

    customer: Name
    ring: Name
    standing: Standing
    because: str = ""
    current: dict[str, str] = Field(default={}, description="component -> digest (or tag) now, '' for none")
    coming: dict[str, str] = Field(default={}, description="component -> digest of the release, where it moves")
    diff: str = ""
    migrations: tuple[PendingMigration, ...] = ()

    @property
    def content(self) -> str:
        """What a person approves: the values before and after, not the lines around them nor their numbers."""
        lines = [line for line in self.diff.splitlines() if line[:1] in ("+", "-")]
        facts = [self.customer, self.standing, self.because, *map(str, self.migrations)]
        return "\0".join([*facts, *lines])


class RingPlan(Value):
    """The promotions of one ring."""

    name: Name
    approve: bool
    soak_seconds: float
    promotions: tuple[Promotion, ...]

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the customers that will get a new version."""
        return tuple(p.customer for p in self.promotions if p.standing == "promote")

    def of(self, edits: "Edits") -> "RingPlan":
        """The same ring with the promotions of these edits."""
        return self.model_copy(update={"promotions": edits.promotions})

    @property
    def hash(self) -> str:
        """What an approval is bound to: 12 hex digits over every promotion, not over the tip they were made from."""
        content = "\n".join([self.name, *(p.content for p in self.promotions)])
        return hashlib.sha256(content.encode()).hexdigest()[:12]


class Plan(Value):
    """The fleet's future, made from one tip of the GitOps repository."""

    release: Release
    tip: CommitId
    rings: tuple[RingPlan, ...]

    @property
    def hash(self) -> str:
        """The whole plan's: 12 hex digits over the release and every ring."""
        content = [self.release.commit, *(i.reference for i in self.release.images), *(r.hash for r in self.rings)]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]


class Edit(Value):
    """One customer's promotion, and the new contents of its files as blobs; computed from one tip."""

    promotion: Promotion
    files: dict[str, str] = Field(default={}, description="path -> id of its new blob")

    @property
    def customer(self) -> str:
        """Whose it is."""
        return self.promotion.customer


class Edits(Value):
    """The edits of some customers of a ring, all computed from the same tip."""

    tip: CommitId
    edits: tuple[Edit, ...]

    @property
    def promotions(self) -> tuple[Promotion, ...]:
        """What the edits do, as people read it."""
        return tuple(e.promotion for e in self.edits)


class Proposal(Value):
    """A ring's commit on a branch of its own, to be merged by a pull request; without a head there is nothing to write."""

    branch: str
    head: CommitId | None
    edits: Edits


class RingCommit(Value):
    """The one commit of a ring, as it stands on the GitOps branch; or the plan that has changed since it was approved."""

    ring: Name
    commit: CommitId = Field(description="the commit that carries the ring; the tip when nothing had to be written")
    created: bool
    promotions: tuple[Promotion, ...]
    asks_again: tuple[Edit, ...] | None = Field(
        default=None, description="nothing was written: these edits, made from `commit`, differ from what was approved"
    )


class Back(Value):
    """Where one customer goes back to."""

    customer: Name
    from_commit: CommitId
    to: Release


class RollbackCommit(Value):
    """The commit that put customers back and holds them there, and what kept others."""

    commit: CommitId
    created: bool
    customers: tuple[Back, ...]
    refused: dict[str, Reason] = {}


class PullRequest(Value):
    """A branch that a person or a rule lets into the GitOps branch; GitLab calls it a merge request."""

    number: int = Field(ge=1, description="as people see it: #7 on GitHub and Gitea, !7 (the iid) on GitLab")
    url: str
    state: Literal["open", "merged", "closed"] = Field(description="closed: ended without a merge, a person refused it")
    branch: str
    head: CommitId = Field(description="newest commit of the branch that belongs to it")
    merged_as: CommitId | Literal[""] = Field(
        default="", description="the commit on the base that brought it there: merge, squash or last rebased commit"
    )


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

    @property
    def complete(self) -> bool:
        """Whether every customer is where the plan wanted it, or kept elsewhere by a person's decision."""
        return all(o.outcome in COMPLETE for o in self.outcomes)


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
