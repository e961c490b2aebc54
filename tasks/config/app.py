"""What is released: the app, its components, how they are built and run, and its end-to-end tests."""

from typing import Annotated

from pydantic import Field

from tasks.config import context
from tasks.config.build import Build
from tasks.config.forge import Forge
from tasks.config.suites import Limits, Service, Suite
from tasks.config.types import Duration, Folder, ImageName, RelativePath, Section
from tasks.models import Name


class App(Section):
    name: Name = Field(description="name of the app, a DNS label")
    repository: str = Field(min_length=1, description="git URL or path of the app's repository")
    branch: str = Field(
        default="main", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$", description="the branch that is released"
    )
    forge: Forge | None = Field(
        default=None, description="where the released commit's status is told; none: it is told nowhere"
    )


class Run(Section):
    port: int = Field(ge=1, le=65535, description="port the container listens on")
    health: str = Field(default="/health", pattern="^/", description="path that answers 200 once it is ready")
    starts_within: Duration = Field(
        default=90, gt=0, description="how long it may take until it is healthy, in end-to-end tests"
    )
    migrate: str | None = Field(default=None, description="command in the image that upgrades the customer's database")
    env: dict[str, str] = Field(
        default={}, description="environment beside DATABASE_URL, in end-to-end tests, migration checks and the demo"
    )


class Component(Section):
    path: Folder = Field(description="folder of the component in the app's repository; . is the whole repository")
    image: ImageName = Field(description="image repository to push to, without tag")
    build: Build = Field(default=Build(), description="what the builder is given, and where its cache is")
    suites: dict[Name, Suite] = Field(default={}, description="tests and linters, by name")
    run: Run = Field(description="how its container runs")
    shared: tuple[RelativePath, ...] = Field(
        default=(),
        description="other folders and files of the app that it is made of; the build's context is then the repository's root "
        "with path and these alone, and a Dockerfile in one of these is named from there",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything in the app's repository that it is made of: nothing else reaches its build."""
        return context.paths(self.path, self.shared)

    @property
    def dockerfile(self) -> str:
        """Where its Dockerfile is in the app's repository."""
        return context.dockerfile(self.build.dockerfile, self.paths)

    @property
    def build_in_context(self) -> Build:
        """How it is built, with the Dockerfile's place in the context: the component's folder, or with `shared` the root."""
        return context.in_context(self.build, self.paths)


class EndToEnd(Section):
    path: RelativePath = Field(description="folder of the end-to-end tests, with a Dockerfile")
    dockerfile: RelativePath = Field(default="Dockerfile", description="path in that folder")
    shared: tuple[RelativePath, ...] = Field(
        default=(), description="other folders and files of the app that their image is made of, as with components"
    )
    smoke: str = Field(min_length=1, description="command that a release runs on the built images")
    full: str | None = Field(default=None, description="command that the nightly run uses; none: the same as smoke")
    env: dict[str, str] = Field(default={}, description="environment of the container, such as BASE_URL")
    timeout: Duration = Field(default=900, description="time limit of one part, such as 15m")
    limits: Limits = Field(default=Limits(), description="what one part may take of the machine")
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

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything in the app's repository that their image is made of."""
        return context.paths(self.path, self.shared)

    @property
    def file(self) -> str:
        """Where their Dockerfile is in the app's repository."""
        return context.dockerfile(self.dockerfile, self.paths)

    @property
    def build(self) -> Build:
        """How their image is built, with the Dockerfile's place in the context."""
        return context.in_context(Build(dockerfile=self.dockerfile), self.paths)
