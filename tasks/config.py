"""`release.yaml`: the one file that says how an app is released. The models are the truth; the JSON Schema follows.

It is the operator's: it lives with the deployment and never comes from the commit under release.
"""

import datetime
import os
import re
import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from tasks.errors import ConfigInvalid
from tasks.models import Name, Reason
from tasks.yaml_path import Entry, steps

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_BYTES = 1_000_000


def _seconds(value: Any) -> Any:
    """`10m`, `90s`, `2h` or a number of seconds -> seconds."""
    if not isinstance(value, str):
        return value
    if not (match := re.fullmatch(r"(\d+)\s*([smhd])", value)):
        raise ValueError(f"{value!r} is not a duration; write 90s, 10m, 2h or 1d")
    return int(match[1]) * UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=str | float), Field(ge=0)]


def _inside(path: str) -> str:
    """A path that cannot lead out of the folder it is in."""
    if path.startswith("/") or not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise ValueError("must be a relative path that stays inside, such as services/backend")
    if not path.isprintable():
        raise ValueError("must not contain control characters")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
Folder = Annotated[str, AfterValidator(lambda path: path if path == "." else _inside(path))]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+$")]


DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")


def is_weekly(time: str) -> bool:
    """Whether a time of a freeze comes every week."""
    return bool(WEEKLY.fullmatch(time))


def _freeze_time(value: Any) -> Any:
    """YAML reads an unquoted date with a time as one."""
    text = value.isoformat(timespec="minutes") if isinstance(value, datetime.datetime) else value
    if isinstance(text, str) and WEEKLY.fullmatch(text.lower()):
        return text.lower()
    try:
        if isinstance(text, str) and DATE.fullmatch(text):
            datetime.datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError(f"{value!r} is no time; write 2026-12-20T16:00 (in timezone) or fri 15:00")


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not in the time zone database; write one such as Europe/Oslo") from None
    return name


FreezeTime = Annotated[str, BeforeValidator(_freeze_time, json_schema_input_type=str)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class Section(BaseModel):
    """Base of every part of the file: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class App(Section):
    name: Name = Field(description="name of the app, a DNS label")
    repository: str = Field(min_length=1, description="git URL or path of the app's repository")
    branch: str = Field(
        default="main", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$", description="the branch that is released"
    )


class Build(Section):
    dockerfile: RelativePath = Field(default="Dockerfile", description="path in the component's folder")
    target: Name | None = Field(default=None, description="build target of the deployed image; none: the last stage")


class Suite(Section):
    run: str = Field(
        min_length=1, description="command, run by sh in the container; $JUNIT is where its JUnit file goes"
    )
    target: Name = Field(default="test", description="build target of the component's Dockerfile it runs in")
    services: tuple[Literal["postgres"], ...] = Field(default=(), description="servers beside it; sets DATABASE_URL")
    env: dict[str, str] = Field(default={}, description="environment of the container; no secrets")
    timeout: Duration = Field(default=600, description="time limit, such as 90s or 10m")


class Run(Section):
    port: int = Field(ge=1, le=65535, description="port the container listens on")
    health: str = Field(default="/health", pattern="^/", description="path that answers 200 once it is ready")
    migrate: str | None = Field(default=None, description="command in the image that upgrades the customer's database")
    env: dict[str, str] = Field(default={}, description="environment beside DATABASE_URL, in tests and in the demo")


class Component(Section):
    path: Folder = Field(description="folder of the component in the app's repository; . is the whole repository")
    image: ImageName = Field(description="image repository to push to, without tag")
    build: Build = Build()
    suites: dict[Name, Suite] = Field(default={}, description="tests and linters, by name")
    run: Run


class EndToEnd(Section):
    path: RelativePath = Field(description="folder of the end-to-end tests, with a Dockerfile")
    dockerfile: RelativePath = "Dockerfile"
    smoke: str = Field(min_length=1, description="command that a release runs on the built images")
    full: str | None = Field(default=None, description="command that the nightly run uses; none: the same as smoke")
    env: dict[str, str] = Field(default={}, description="environment of the container, such as BASE_URL")
    timeout: Duration = 900


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


def _readable(path: str) -> str:
    """A path that can be read, and that ends at a value."""
    if isinstance(steps(path)[-1], Entry):
        raise ValueError(f"{path!r} ends at a list entry; add the key in it, such as .image")
    return _known_placeholders(path)


def _known_placeholders(text: str) -> str:
    if unknown := sorted(set(re.findall(r"\{[^}]*\}?", text)) - {"{customer}"}):
        raise ValueError(f"{', '.join(unknown)} in {text!r} stands for nothing; only {{customer}} does")
    return text


YamlPath = Annotated[str, AfterValidator(_readable)]


class Target(Section):
    file: Annotated[RelativePath, AfterValidator(_known_placeholders)] = Field(
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


def _without_credentials(url: str) -> str:
    """An address that can stand in a log: no user, no password."""
    if "@" in urlsplit(url).netloc:
        raise ValueError("must not hold a user or a password; use token_file or token_env")
    return url


ForgeUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/\s?#]+(/[^\s?#]*)?$"), AfterValidator(_without_credentials)
]


def _project(value: Any) -> Any:
    """A project's number is written without quotes, a path has no part that leads elsewhere."""
    if isinstance(value, str) and {".", ".."} & set(value.split("/")):
        raise ValueError("must not have . or .. as a part")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Project = Annotated[
    str,
    BeforeValidator(_project, json_schema_input_type=str | int),
    StringConstraints(pattern=r"^(\d+|[\w.-]+(/[\w.-]+)+)$"),
]


class Forge(Section):
    kind: Literal["github", "gitlab", "gitea"] = Field(
        description="which API the forge speaks; gitea is Gitea and Forgejo, github is GitHub Enterprise too"
    )
    url: ForgeUrl | None = Field(
        default=None,
        description="address of the API, such as https://git.example.com/api/v1; none: github.com or gitlab.com",
    )
    project: Project = Field(description="owner/name of the repository; GitLab: its path or number")
    token_file: str | None = Field(default=None, min_length=1, description="path of the file that holds the token")
    token_env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_]\w*$", description="name of the environment variable that holds the token"
    )
    ca_file: str | None = Field(
        default=None, min_length=1, description="path of the PEM file that vouches for the forge's certificate"
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Forge":
        if (self.token_file is None) == (self.token_env is None):
            raise ValueError("needs one of token_file and token_env: where the token is, never the token itself")
        if self.kind == "gitea" and self.url is None:
            raise ValueError("url: needed for gitea, there is no common one")
        if self.kind != "gitlab" and self.project.count("/") != 1:
            raise ValueError("project: write owner/name")
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


def _address(url: str) -> str:
    """A server's address: https, or http where it stays inside a machine or a cluster; never with credentials in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("must not contain credentials; name a token_file or a token_env instead")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://argocd.example.no")
    inside = host in ("localhost", "127.0.0.1", "::1") or host.endswith((".svc", ".svc.cluster.local"))
    if parts.scheme == "http" and not inside:
        raise ValueError("must be https: a token would travel in clear text")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")]
"""The name of an environment variable, upper case: a token pasted here by mistake does not pass."""

Pattern = Annotated[str, StringConstraints(pattern=r"^(?:[a-z0-9.-]|\{customer\})+$")]
"""Name of a Kubernetes object or namespace in which {customer} may stand."""


class Server(Section):
    """A server that wants a token. The token itself never stands in the file."""

    token_file: str | None = Field(default=None, description="file that holds the token; read anew for each request")
    token_env: EnvironmentName | None = Field(default=None, description="environment variable that holds the token")
    ca_file: str | None = Field(default=None, description="PEM file of the authority that signed its certificate")

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token_file and self.token_env:
            raise ValueError("has token_file and token_env; keep one")
        return self


class ArgoCD(Server):
    url: Address = Field(description="address of the Argo CD API server, {customer} where each has its own")
    application: Pattern = Field(description="name of a customer's Application, such as shop-{customer}")
    app_namespace: Pattern | None = Field(default=None, description="its namespace, where that is not Argo CD's own")
    project: Pattern | None = Field(
        default=None, description="its project; with it Argo CD tells a missing Application from a missing right"
    )
    selector: str | None = Field(
        default=None, description="label selector of all customers' Applications; many are then read with one request"
    )
    repository: str | None = Field(
        default=None, description="the source that carries the digests, where its URL differs from gitops.repository"
    )
    images: dict[Name, ImageName] = Field(
        default={}, description="component -> image repository as pods name it, where a mirror gives it another name"
    )
    components: tuple[Name, ...] = Field(default=(), description="components that are looked at; none named: all")
    refresh: bool = Field(
        default=True, description="whether Argo CD is asked to look at git at once instead of at its next interval"
    )

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        if not (self.token_file or self.token_env):
            raise ValueError("needs token_file or token_env")
        return self


class Cluster(Server):
    """The Kubernetes API: an address with a token, a kubeconfig, or, with nothing given, the cluster this runs in."""

    server: Address | None = Field(default=None, description="address of the API server, {customer} may stand in it")
    kubeconfig: str | None = Field(default=None, description="path of a kubeconfig file")
    context: str | None = Field(default=None, description="context of the kubeconfig, {customer} may stand in it")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.server and self.kubeconfig:
            raise ValueError("has server and kubeconfig; keep one")
        if self.server and not (self.token_file or self.token_env):
            raise ValueError("server needs token_file or token_env")
        if not self.server and (self.token_file or self.token_env or self.ca_file):
            raise ValueError("token_file, token_env and ca_file belong to server")
        if self.context and not self.kubeconfig:
            raise ValueError("context is one of a kubeconfig; name it")
        return self


class Workload(Section):
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] = "Deployment"
    name: Pattern = Field(description="name of the workload, {customer} may stand in it")
    container: Name | None = Field(
        default=None, description="its container that runs the image; none: as the component"
    )


class Kubernetes(Section):
    namespace: Pattern = Field(default="{customer}", description="namespace of a customer")
    workloads: dict[Name, Workload] = Field(min_length=1, description="component -> the workload that runs it")
    selector: str | None = Field(
        default=None,
        description="label selector of all customers' workloads and pods; many customers are then read with one list per kind, over all namespaces",
    )
    pinned: bool = Field(
        default=False,
        description="CRI-O reports an image index as the manifest of one platform: believe a pod that names the planned digest",
    )


class Flux(Section):
    kustomization: Pattern = Field(description="name of the Kustomization that applies a customer's files")
    namespace: Pattern = Field(default="flux-system", description="namespace of the Kustomization")
    helm_releases: tuple[Pattern, ...] = Field(default=(), description="names of HelmReleases that must be ready, too")
    helm_namespace: Pattern = Field(default="{customer}", description="namespace of the HelmReleases")
    selector: str | None = Field(
        default=None,
        description="label selector of all customers' Kustomizations and HelmReleases; many are then read with one list each",
    )


class Rollout(Section):
    verify: Literal["http", "argocd", "kubernetes", "flux"] = Field(
        default="http", description="how a customer is seen running the release"
    )
    url: str = Field(default="", description="http: base address with {customer}")
    urls: dict[Name, str] = Field(default={}, description="http: base address of single customers; comes before url")
    versions: dict[Name, str] = Field(default={}, description='http: component -> path that answers {"commit": ...}')
    argocd: ArgoCD | None = Field(default=None, description="argocd: where each customer's Application is")
    cluster: Cluster = Field(default=Cluster(), description="kubernetes and flux: how the Kubernetes API is reached")
    kubernetes: Kubernetes | None = Field(
        default=None, description="the workloads whose running digests are compared; beside argocd and flux, too"
    )
    flux: Flux | None = Field(default=None, description="flux: what applies a customer's files")
    timeout: Duration = Field(default=300, description="how long a customer may take to run the release")
    on_failure: Literal["stop", "rollback"] = Field(
        default="stop",
        description="stop: leave failing customers as they are; rollback: put them back in one commit and hold them",
    )

    @model_validator(mode="after")
    def _has_what_its_way_needs(self) -> Self:
        needed = {"http": self.versions, "argocd": self.argocd, "kubernetes": self.kubernetes, "flux": self.flux}
        if not needed[self.verify]:
            raise ValueError(f"verify: {self.verify} needs {'versions' if self.verify == 'http' else self.verify}")
        return self

    def address(self, customer: str) -> str:
        """Base address of one customer, without a slash at the end."""
        return self.urls.get(customer, self.url.replace("{customer}", customer)).rstrip("/")


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


class Policy(Section):
    override: tuple[Literal["freeze", "soak"], ...] = Field(
        default=("freeze", "soak"), description="gates that a person may pass with a reason and a name"
    )
    freeze: tuple[Freeze, ...] = Field(default=(), description="times in which nothing is written")


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
        asking = [r for r in self.rings if r.pull_request]
        if asking and not self.gitops.forge:
            raise ValueError(f"ring {asking[0].name} has pull_request, but gitops.forge does not say where")
        if both := [r.name for r in asking if r.approve]:
            raise ValueError(f"ring {both[0]} has approve and pull_request: it is approved by merging")
        named = [c for r in self.rings if r.customers != "*" for c in r.customers]
        if twice := sorted({c for c in named if named.count(c) > 1}):
            raise ValueError(f"rings: {', '.join(twice)} stands in two rings")
        return self

    def ring(self, name: str) -> Ring:
        """The settings of one ring."""
        return next(r for r in self.rings if r.name == name)

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
        ]


def config_path() -> Path:
    """Where `release.yaml` is: $SLIPWAY_CONFIG, else in the working directory."""
    return Path(os.environ.get("SLIPWAY_CONFIG", "release.yaml"))


def load_config(path: Path | None = None) -> Config:
    """Reads and checks `release.yaml`.

    Raises `ConfigInvalid` with every wrong key at once, each with file, line, key and what is allowed.
    """
    path = path or config_path()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid.because(
            f"no configuration: {error.strerror}",
            str(path),
            "write release.yaml there, or name another file in SLIPWAY_CONFIG",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid.because(
            "the configuration is not UTF-8", f"{path}, byte {error.start}", "save it as UTF-8"
        ) from error
    document = _parse(text, path)
    try:
        return Config.model_validate(document.value)
    except ValidationError as error:
        raise ConfigInvalid(*(document.reason(e) for e in _said_once(error.errors()))) from error


def _said_once(errors: Sequence[Any]) -> list[Any]:
    """Without pydantic's echoes: a list whose only item is wrong is also called too short."""
    inner = [e["loc"] for e in errors]
    return [
        e
        for e in errors
        if e["type"] != "too_short" or not any(len(i) > len(e["loc"]) and i[: len(e["loc"])] == e["loc"] for i in inner)
    ]


class _Document:
    """Parsed YAML that still knows the line of each key."""

    def __init__(self, node: yaml.Node | None, value: Any, path: Path) -> None:
        self.node, self.value, self.path = node, value, path

    def reason(self, error: Any) -> Reason:
        """One pydantic error as file, line, key and what is allowed."""
        keys = [k for k in error["loc"] if not (isinstance(k, str) and ("[" in k or k in ("str", "constrained-str")))]
        key = ".".join(str(k) for k in keys) or "the file"
        what = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            what = f"this key is not known; allowed: {', '.join(_allowed(keys[:-1]))}"
        return Reason(
            what=f"{key}: {what}",
            where=f"{self.path}, line {self.line(keys)}",
            next_step="see `slipway config schema` for what is allowed there",
        )

    def line(self, keys: list[Any]) -> int:
        """Line of the key, or of the nearest one above it that is there; 1 for an empty file."""
        node, line = self.node, 1
        for key in keys:
            child = _child(node, key)
            if child is None:
                break
            line, node = child
        return line


def _allowed(keys: list[Any]) -> list[str]:
    """The keys that the models allow at a place of the file."""
    model: Any = Config
    for key in keys:
        model = (
            model.model_fields[key].annotation
            if _is_section(model)
            else get_args(model)[-1 if isinstance(key, str) else 0]
        )
        # `Section | None` and tuples of sections: the section is what has keys.
        model = next((a for a in get_args(model) if _is_section(a)), model) if get_origin(model) is UnionType else model
    return sorted(model.model_fields) if _is_section(model) else []


def _is_section(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, Section)


def _child(node: yaml.Node | None, key: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line + 1, v) for k, v in node.value if k.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _parse(text: str, path: Path) -> _Document:
    if len(text) > MAX_BYTES:
        raise ConfigInvalid.because(
            f"the configuration is larger than {MAX_BYTES} bytes", str(path), "is this the right file?"
        )
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        _no_duplicates(node, path)
        return _Document(node, loader.construct_document(node) if node else None, path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigInvalid.because(f"not YAML: {problem}", f"{path}{line}", "mend the syntax there") from error
    except RecursionError as error:
        raise ConfigInvalid.because(
            "not a configuration: nested too deeply", str(path), "is this the right file?"
        ) from error


def _no_duplicates(node: yaml.Node | None, path: Path) -> None:
    """PyYAML lets the last of two equal keys win in silence; a configuration must not."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_duplicates(item, path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise ConfigInvalid.because(
                f"{key.value}: the key stands twice", f"{path}, line {key.start_mark.line + 1}", "keep one of them"
            )
        seen.add(key.value)
        _no_duplicates(value, path)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `release.yaml`, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
