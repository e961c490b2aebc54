"""What was recognised in a GitOps repository: where each component's image stands, for whom, and what was left out."""

from typing import Literal

from pydantic import Field

from tasks.models import CommitId, Name, Value


class FoundTarget(Value):
    """One place of a component's image, in the words of `gitops.targets`, and the customers it was seen at."""

    file: str
    image: str | None = None
    path: str | None = None
    repository: str | None = None
    manifest: str | None = None
    mirror: bool = False
    customers: tuple[Name, ...]
    why: str
    sure: bool = True

    def settings(self) -> dict[str, str | bool]:
        """The keys of the target as release.yaml has them, without those that are not set."""
        keys = self.model_dump(include={"file", "image", "path", "repository", "manifest"}, exclude_none=True)
        return {**keys, **({"mirror": True} if self.mirror else {})}


class FoundImage(Value):
    """A component's image in the GitOps repository. `others` are places that were seen and not taken."""

    component: Name
    repository: str = Field(description="registry and name; empty where only a tag or a digest stands")
    targets: tuple[FoundTarget, ...]
    others: tuple[FoundTarget, ...] = ()
    sure: bool = True


class Unmatched(Value):
    """Something that was seen and not taken, with the reason."""

    what: str
    why: str


class Rollout(Value):
    """Who rolls out, by the objects that stand in the repository."""

    tool: Literal["argocd", "flux"]
    why: str


class RecognisedGitOps(Value):
    """A GitOps repository at one commit."""

    commit: CommitId
    images: tuple[FoundImage, ...] = ()
    customers: tuple[Name, ...] = ()
    rollout: Rollout | None = None
    address: str = Field(default="", description="https://... with {customer}, out of the customers' own files")
    addresses: dict[Name, str] = Field(default={}, description="customers whose address has another form")
    address_why: str = ""
    writers: tuple[str, ...] = Field(default=(), description="what else writes images there")
    left_out: tuple[Unmatched, ...] = ()


class Checked(Value):
    """One component of one customer, read with the configuration that was written: its file, or what is wrong."""

    component: Name
    customer: Name
    file: str = ""
    problem: str = ""
