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
    tagged: bool = Field(default=False, description="a tag stands there without a digest, and stays one")

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


class FoundArgoCD(Value):
    """The customers' Applications, in the words of `rollout.argocd`; what was not seen is empty."""

    application: str
    why: str
    sure: bool
    app_namespace: str = ""
    project: str = ""
    selector: str = ""
    repository: str = Field(default="", description="the URL of their source, where it is not the GitOps repository's")
    own_server: bool = Field(default=False, description="all have one name, so each customer has a server of its own")
    elsewhere: bool = Field(
        default=False, description="images stand in the Applications, whose source is another repository"
    )
    others: tuple[str, ...] = Field(default=(), description="other names that as many customers have")


class FoundFlux(Value):
    """What applies the customers' files, in the words of `rollout.flux`."""

    kustomization: str
    why: str
    sure: bool
    namespace: str
    waits: bool = Field(description="whether each looks at the health of what it applies")
    helm_releases: tuple[str, ...] = ()
    helm_namespace: str = ""
    helm_sure: bool = True
    selector: str = ""
    own_cluster: bool = Field(default=False, description="all have one name, so each customer has a cluster of its own")
    others: tuple[str, ...] = ()


class FoundWorkload(Value):
    """What runs a component, in the words of `rollout.kubernetes.workloads`."""

    kind: Literal["Deployment", "StatefulSet", "DaemonSet"]
    name: str
    container: str
    why: str
    others: tuple[str, ...] = Field(default=(), description="other workloads that run the same image")


class FoundKubernetes(Value):
    """The workloads of the components, in the words of `rollout.kubernetes`."""

    namespace: str
    namespace_why: str = Field(default="", description="empty: made up")
    workloads: dict[Name, FoundWorkload]
    selector: str = ""


class Rollout(Value):
    """Who rolls out, by the objects that stand in the repository, and how customers can be seen there."""

    tool: Literal["argocd", "flux", "kubernetes"]
    why: str
    argocd: FoundArgoCD | None = None
    flux: FoundFlux | None = None
    kubernetes: FoundKubernetes | None = None


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
