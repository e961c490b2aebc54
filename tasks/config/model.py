"""`release.yaml`: the one file that says how an app is released. The models are the truth; the JSON Schema follows.

It is the operator's: it lives with the deployment and never comes from the commit under release.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.config.build import Build
from tasks.config.forge import Forge
from tasks.config.operate import DEPLOYMENT, Addresses, Approvals, Artifacts, Nightly, Notification, Webhook
from tasks.config.rollout import Rollout
from tasks.config.suites import AnyService, Limits, Service
from tasks.config.types import (
    Duration,
    Folder,
    FreezeTime,
    ImageName,
    RelativePath,
    Section,
    TimeZone,
    YamlPath,
    is_weekly,
    known_placeholders,
)
from tasks.models import Gate, Name


class App(Section):
    name: Name = Field(description="name of the app, a DNS label")
    repository: str = Field(min_length=1, description="git URL or path of the app's repository")
    branch: str = Field(
        default="main", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$", description="the branch that is released"
    )
    forge: Forge | None = Field(
        default=None, description="where the released commit's status is told; none: it is told nowhere"
    )


class Suite(Section):
    run: str = Field(
        min_length=1, description="command, run by sh in the container; $JUNIT is where its JUnit file goes"
    )
    target: Name = Field(default="test", description="build target of the component's Dockerfile it runs in")
    on: Literal["image", "host"] = Field(
        default="image",
        description="image: in a container; host: on the worker itself, where policy.host_suites lets it",
    )
    services: tuple[AnyService, ...] = Field(
        default=(), description="servers beside it: postgres, which sets DATABASE_URL, or any image by name"
    )
    env: dict[str, str] = Field(default={}, description="environment of the container; no secrets")
    timeout: Duration = Field(default=600, gt=0, description="time limit, such as 90s or 10m")
    retries: int = Field(
        default=1, ge=0, le=1, description="how often failed tests are run again; what passes then is told as flaky"
    )
    retry: str | None = Field(
        default=None, description="command that runs the tests named in the file $FAILED_TESTS again; none: run"
    )
    limits: Limits = Limits()
    shards: int = Field(default=1, ge=1, le=64, description="how many containers it runs in at once, each a part of it")
    tests: str | None = Field(
        default=None,
        description="command that prints every test (file or name), one a line; with shards $SHARD_TESTS holds the part of each",
    )
    allow_empty: bool = Field(default=False, description="whether it passes without a single test")

    @model_validator(mode="after")
    def _parts_agree(self) -> "Suite":
        names = [s if isinstance(s, str) else s.name for s in self.services]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"services: {', '.join(twice)} is there twice")
        if self.tests and self.shards == 1:
            raise ValueError("tests is for a suite with shards: it says what is divided among them")
        if self.tests and self.on == "host":
            raise ValueError("tests is for suites in containers")
        return self


class Run(Section):
    port: int = Field(ge=1, le=65535, description="port the container listens on")
    health: str = Field(default="/health", pattern="^/", description="path that answers 200 once it is ready")
    migrate: str | None = Field(default=None, description="command in the image that upgrades the customer's database")
    env: dict[str, str] = Field(default={}, description="environment beside DATABASE_URL, in tests and in the demo")


class Component(Section):
    path: Folder = Field(description="folder of the component in the app's repository; . is the whole repository")
    image: ImageName = Field(description="image repository to push to, without tag")
    build: Build = Field(default=Build(), description="what the builder is given, and where its cache is")
    suites: dict[Name, Suite] = Field(default={}, description="tests and linters, by name")
    run: Run
    shared: tuple[RelativePath, ...] = Field(
        default=(),
        description="other folders and files of the app that it is made of; the build's context is then the repository's root "
        "with path and these alone, and a Dockerfile in one of these is named from there",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything in the app's repository that it is made of: nothing else reaches its build."""
        return (self.path,) if self.path == "." else tuple(dict.fromkeys((self.path, *self.shared)))

    @property
    def dockerfile(self) -> str:
        """Where its Dockerfile is in the app's repository."""
        name = self.build.dockerfile
        of_shared = any(name == path or name.startswith(f"{path}/") for path in self.paths[1:])
        return name if of_shared or self.path == "." else f"{self.path}/{name}"

    @property
    def build_in_context(self) -> Build:
        """How it is built, with the Dockerfile's place in the context: the component's folder, or with `shared` the root."""
        return self.build.model_copy(update={"dockerfile": self.dockerfile}) if len(self.paths) > 1 else self.build


class EndToEnd(Section):
    path: RelativePath = Field(description="folder of the end-to-end tests, with a Dockerfile")
    dockerfile: RelativePath = "Dockerfile"
    smoke: str = Field(min_length=1, description="command that a release runs on the built images")
    full: str | None = Field(default=None, description="command that the nightly run uses; none: the same as smoke")
    env: dict[str, str] = Field(default={}, description="environment of the container, such as BASE_URL")
    timeout: Duration = 900
    limits: Limits = Limits()
    retries: int = Field(
        default=1, ge=0, le=1, description="how often failed tests are run again; what passes then is told as flaky"
    )
    retry: str | None = Field(
        default=None,
        description="command that runs the tests named in the file $FAILED_TESTS again; none: smoke or full",
    )
    seed: dict[Name, str] = Field(
        default={}, description="component -> command in its image that fills the database once it is migrated"
    )
    services: tuple[Service, ...] = Field(
        default=(), description="servers beside PostgreSQL, app and tests, such as a mail catcher"
    )
    projects: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,49}$")], ...] = Field(
        default=(), max_length=8, description="Playwright projects, run at once; the command finds $PROJECT"
    )
    shards: int = Field(
        default=1, ge=1, le=16, description="parts of smoke at once; the command finds $SHARD and $SHARDS"
    )


class Migrations(Section):
    component: Name = Field(description="the component whose image holds the migrations")
    tool: Literal["alembic", "sql", "command"] = Field(
        description="alembic; sql: plain files in the order of their names; command: anything else that takes DATABASE_URL"
    )
    upgrade: str = Field(
        default="",
        description="command: what brings DATABASE_URL to the newest schema, in the target and in released images",
    )
    config: RelativePath = Field(default="alembic.ini", description="alembic: path of alembic.ini in the component")
    path: RelativePath = Field(default="migrations", description="sql: folder of the .sql files in the component")
    metadata: str = Field(
        default="",
        description="alembic: package.module:ATTRIBUTE of the SQLAlchemy metadata; asked in the images that customers run",
    )
    preamble: str = Field(default="", description="SQL that makes the extensions and roles which the app needs")
    statistics: dict[str, str] = Field(
        default={},
        description="customer, or *, -> file of `table: rows`, or URL of a database that is only read; says how long locks last",
    )
    seed: str | None = Field(
        default=None, description="command of a released image that fills its schema with data; must survive migrations"
    )
    smoke: str | None = Field(
        default=None, description="command of a released image that says whether it works on the new schema"
    )
    target: Name = Field(default="test", description="build target that has the migration tool and the app's models")
    accept: dict[str, str] = Field(
        default={}, description="'revision rule object' -> reason; for tools without a place for it"
    )
    timeout: Duration = 300

    @model_validator(mode="after")
    def _has_a_command(self) -> "Migrations":
        if (self.tool == "command") != bool(self.upgrade):
            raise ValueError("upgrade is the command of tool: command, and of no other")
        return self


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
    branch: str = Field(default="main", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$")
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
    name: Name
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


class Quarantines(Section):
    """What `.slipway/quarantine.yaml` in the app's repository may ask for."""

    most: int = Field(default=10, ge=0, le=1000, description="how many entries it may have; 0 forbids it")
    longest: Duration = Field(default=30 * 86400, description="how far from now an entry may end")


class Policy(Section):
    override: tuple[Gate, ...] = Field(
        default=("freeze", "soak", "e2e"),
        description="gates that a person may pass with a reason and a name: freeze, soak, e2e, suites, migrations",
    )
    freeze: tuple[Freeze, ...] = Field(default=(), description="times in which nothing is written")
    quarantine: Quarantines = Quarantines()
    host_suites: bool = Field(
        default=False,
        description="whether suites may run on the worker itself (on: host), where they read what its user can read",
    )


class GateSettings(Section):
    fail: Literal["all", "fast"] = Field(
        default="all",
        description="all: every check ends, so that all reasons are told; fast: the first refusal cancels the others",
    )


class Config(Section):
    """The whole of `release.yaml`."""

    app: App
    components: dict[Name, Component] = Field(min_length=1)
    e2e: EndToEnd | None = None
    migrations: Migrations | None = None
    gitops: GitOps
    rings: tuple[Ring, ...] = Field(min_length=1)
    rollout: Rollout
    policy: Policy = Policy()
    webhook: Webhook | None = Field(default=None, description="who may tell that the branch has moved")
    approval: Approvals = Approvals()
    notify: tuple[Notification, ...] = Field(default=(), description="who is told of what")
    nightly: Nightly = Nightly()
    artifacts: Artifacts = Artifacts()
    gate: GateSettings = GateSettings()
    builds_at_once: int | None = Field(
        default=None, ge=1, le=8, description="builds that run at once on a worker; none: one per core, 8 at most"
    )
    addresses: Addresses = Addresses()
    postgres: str = Field(default="postgres:17", description="image of the PostgreSQL that tests and checks use")

    @model_validator(mode="after")
    def _names_agree(self) -> "Config":
        known = set(self.components)
        for place, names in self._named_components():
            if unknown := sorted(set(names) - known):
                raise ValueError(f"{place} names {', '.join(unknown)}; components are {', '.join(sorted(known))}")
        if missing := sorted(known - set(self.gitops.targets)):
            raise ValueError(f"gitops.targets has nothing for {', '.join(missing)}")
        if sum(r.customers == "*" for r in self.rings) > 1:
            raise ValueError("rings: only one ring can have customers '*'")
        frozen = {n for f in self.policy.freeze for n in f.rings}
        if unknown := sorted(frozen - {r.name for r in self.rings}):
            raise ValueError(f"policy.freeze names the ring {', '.join(unknown)}, which is not there")
        if (on_host := self._on_host()) and not self.policy.host_suites:
            raise ValueError(f"{on_host[0]} has on: host, which policy.host_suites must allow")
        asking = [r for r in self.rings if r.pull_request]
        if asking and not self.gitops.forge:
            raise ValueError(f"ring {asking[0].name} has pull_request, but gitops.forge does not say where")
        if both := [r.name for r in asking if r.approve]:
            raise ValueError(f"ring {both[0]} has approve and pull_request: it is approved by merging")
        named = [c for r in self.rings if r.customers != "*" for c in r.customers]
        if twice := sorted({c for c in named if named.count(c) > 1}):
            raise ValueError(f"rings: {', '.join(twice)} stands in two rings")
        return self

    @property
    def deployment(self) -> str:
        """The Prefect deployment that releases this app, as `FLOW/NAME`."""
        return self.webhook.deployment if self.webhook else DEPLOYMENT

    def ring(self, name: str) -> Ring:
        """The settings of one ring."""
        return next(r for r in self.rings if r.name == name)

    def _on_host(self) -> list[str]:
        suites = [
            (f"components.{n}.suites.{s}", suite) for n, c in self.components.items() for s, suite in c.suites.items()
        ]
        return [place for place, suite in suites if suite.on == "host"]

    def _named_components(self) -> list[tuple[str, list[str]]]:
        migrations = [self.migrations.component] if self.migrations else []
        rollout = self.rollout
        return [
            ("gitops.targets", list(self.gitops.targets)),
            ("rollout.versions", list(rollout.versions)),
            ("rollout.kubernetes.workloads", list(rollout.kubernetes.workloads) if rollout.kubernetes else []),
            ("rollout.argocd.components", list(rollout.argocd.components) if rollout.argocd else []),
            ("rollout.argocd.images", list(rollout.argocd.images) if rollout.argocd else []),
            ("migrations.component", migrations),
            ("e2e.seed", list(self.e2e.seed) if self.e2e else []),
        ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `release.yaml`, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
