"""What was recognised in an app's repository: each value with the place it was seen at, and whether it is a guess."""

from pydantic import Field

from tasks.models import CommitId, Name, Value


class Seen(Value):
    """One value with its evidence."""

    value: str
    why: str = Field(description="the file, and what stands there")
    sure: bool = Field(default=True, description="False: a guess that a person must check")


class FoundSuite(Value):
    """Tests or a linter that the component's test target can run."""

    name: Name
    run: Seen
    target: Name
    services: tuple[str, ...] = ()


class FoundComponent(Value):
    """A folder that is built to an image."""

    name: Name
    path: str = Field(description="the build's context; . is the whole repository")
    dockerfile: str = Field(description="path in that folder")
    shared: tuple[str, ...] = Field(default=(), description="what else of the repository its Dockerfile copies")
    why: str
    language: str = ""
    target: Seen | None = Field(default=None, description="build target to deploy; None: the last stage")
    test_target: str = Field(default="", description="build target with the test tools; empty without one")
    port: Seen
    health: Seen | None = None
    migrate: Seen | None = None
    version: Seen
    env: dict[str, Seen] = {}
    suites: tuple[FoundSuite, ...] = ()
    notes: tuple[str, ...] = ()


class FoundMigrations(Value):
    """How a component's database is upgraded; `settings` are the keys of `migrations` in release.yaml."""

    component: Name
    tool: str
    settings: dict[str, Seen] = {}
    why: str
    notes: tuple[str, ...] = ()


class FoundEndToEnd(Value):
    """A folder of end-to-end tests; without a Dockerfile a release cannot run it yet."""

    path: str
    dockerfile: str | None
    shared: tuple[str, ...] = ()
    address: str = Field(default="BASE_URL", description="the variable that says where the app is")
    smoke: Seen
    full: Seen | None = None
    why: str


class LeftOut(Value):
    """What was seen and not taken, and why."""

    what: str
    why: str


class RecognisedApp(Value):
    """An app's repository at one commit. Of migrations and end-to-end tests the first one is the best."""

    commit: CommitId
    name: Name
    name_is_sure: bool
    components: tuple[FoundComponent, ...]
    migrations: tuple[FoundMigrations, ...] = ()
    end_to_end: tuple[FoundEndToEnd, ...] = ()
    postgres: Seen | None = Field(default=None, description="the image of PostgreSQL that the repository names")
    left_out: tuple[LeftOut, ...] = ()
