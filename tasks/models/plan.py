"""A release, and what it would write where: promotions, rings, edits."""

import hashlib
from typing import Literal

from pydantic import Field

from tasks.models.evidence import Image, Phase
from tasks.models.fleet import Deployed
from tasks.models.request import Overridden
from tasks.models.values import CommitId, Name, Value


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
        return {
            i.component: Deployed(digest=i.digest, revision=i.revision, tree=i.tree, key=i.key) for i in self.images
        }

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
