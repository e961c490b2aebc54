"""Where versions are written, in which order customers move, and when they do not."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.config.forge import Forge
from tasks.config.types import (
    Duration,
    FreezeTime,
    ImageName,
    RelativePath,
    Section,
    TimeZone,
    YamlPath,
    is_weekly,
    known_placeholders,
)
from tasks.models import Name


class Target(Section):
    file: Annotated[RelativePath, AfterValidator(known_placeholders)] = Field(
        description="path in the GitOps repository, with {customer}; * stands for any one folder or part of a name"
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        description="kustomize: name under images: whose digest or newTag (and newName) is set; in Flux Kustomizations and Argo CD Applications too",
    )
    path: YamlPath | None = Field(
        default=None,
        description="any YAML: keys by dots, list entries as [name=api] or [0], to a digest, tag or image reference, whose form is kept; may hold {customer}",
    )
    repository: YamlPath | None = Field(
        default=None, description="beside path, where the image's name stands in a key of its own: it is set too"
    )
    registry: YamlPath | None = Field(
        default=None,
        description="beside repository, where the registry's host stands in a key of its own: it is set too",
    )
    manifest: ImageName | None = Field(
        default=None, description="Kubernetes objects: every container and init container that runs this image is set"
    )
    mirror: bool = Field(
        default=False,
        description="whether registry and name stay as they stand there, because a mirror serves the images",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Target":
        if sum(way is not None for way in (self.image, self.path, self.manifest)) != 1:
            raise ValueError("needs one of image (kustomize), path (any YAML) or manifest (Kubernetes objects)")
        if (self.repository and self.path is None) or (self.registry and self.repository is None):
            raise ValueError("repository stands beside path only, and registry beside repository")
        if "{customer}" not in self.file + (self.path or ""):
            raise ValueError(
                "needs {customer} in file or path: one value for all customers would move them all at once"
            )
        for name, beside in (("repository", self.repository), ("registry", self.registry)):
            if beside and "{customer}" not in self.file + beside:
                raise ValueError(f"{name} needs {{customer}} too: the file is of all customers")
        return self


class GitOps(Section):
    repository: str = Field(min_length=1, description="git URL or path of the GitOps repository")
    branch: str = Field(
        default="main", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$", description="the branch that is rolled out"
    )
    targets: dict[Name, tuple[Target, ...]] = Field(
        description="component -> where its image stands; first file that exists counts"
    )
    discover: Literal["both", "files", "state"] = Field(
        default="both",
        description="what makes a customer: a target's file (or entry) of its own, a state file under .slipway/customers, or either",
    )
    tasks_per_ring: int = Field(
        default=40,
        ge=1,
        le=500,
        description="a ring with more customers is edited and watched in this many tasks of several customers each",
    )
    forge: Forge | None = Field(default=None, description="where pull requests are opened; none: commits are pushed")


class PullRequests(Section):
    merge: Literal["auto", "wait"] = Field(
        default="wait", description="auto: merged by the forge once its checks pass; wait: a person merges it"
    )
    timeout: Duration = Field(default=86400, description="how long the ring waits for the merge")
    poll: Duration = Field(default=15, ge=1, description="how often the forge is asked for it")


class Ring(Section):
    name: Name = Field(description="name of the ring")
    customers: tuple[Name, ...] | Literal["*"] = Field(
        description="names, or '*' for every customer not named elsewhere"
    )
    approve: bool = Field(default=False, description="whether a person approves before this ring moves")
    soak: Duration = Field(default=0, description="time between this ring being verified and the next one moving")
    max_failures: int = Field(
        default=0, ge=0, description="how many customers of the ring may fail before the rings behind it are not begun"
    )
    pull_request: PullRequests | None = Field(
        default=None, description="how the ring is written: a pull request on gitops.forge instead of a commit"
    )


class Freeze(Section):
    """A time in which no ring is begun: from and until as dates with a time, or as weekdays with a time, week by week."""

    start: FreezeTime = Field(alias="from", description="2026-12-20T16:00, or fri 15:00")
    until: FreezeTime = Field(description="2027-01-02T08:00, or mon 07:00")
    timezone: TimeZone = Field(default="UTC", description="name in the IANA time zone database, such as Europe/Oslo")
    reason: str = Field(min_length=1, description="why; people read it when a release waits")
    rings: tuple[Name, ...] = Field(default=(), description="the rings that are frozen; none named: all")

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Freeze":
        if is_weekly(self.start) != is_weekly(self.until):
            raise ValueError("from and until must both be dates, or both be weekdays")
        if not is_weekly(self.start) and self.start >= self.until:
            raise ValueError("until must come after from")
        return self
