"""What stands in the repositories when a release begins: the app's commit, and every customer."""

from typing import Literal

from pydantic import Field

from tasks.models.values import CommitId, Digest, Key, Name, Reason, Value


class Source(Value):
    """One commit of the app, seen to be on main."""

    commit: CommitId
    subject: str
    author: str
    trees: dict[str, str] = Field(
        description="path in the app -> git id there, for all that components and e2e are made of"
    )


def tag_of(tree: str, key: str = "") -> str:
    """The tag of the image with this content key; images of older versions of Slipway have the tag of their tree."""
    return f"content-{key[:40]}" if key else f"tree-{tree}"


class Deployed(Value):
    """One component as a customer has it now."""

    digest: Digest
    revision: CommitId = Field(description="the commit that the image was built from and answers as its version")
    tree: str = Field(description="git tree id of the component's path at that commit")
    key: Key | Literal[""] = Field(default="", description="content key; none in state files of older versions")

    @property
    def tag(self) -> str:
        """The tag that its image has in the registry."""
        return tag_of(self.tree, self.key)


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
        return bool(done and runs) and runs not in (done.digest, done.tag)


class Fleet(Value):
    """Every customer, in ring order, at one commit of the GitOps repository."""

    tip: CommitId
    customers: tuple[Customer, ...]
