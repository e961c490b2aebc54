"""A suite's settings: its command, what stands beside it, and how much it may take."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from tasks.config.types import Duration, Folder, Place, Section, Size
from tasks.models import Name

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3


class Service(Section):
    name: Name = Field(description="the host name that it is reached by; sets NAME_HOST and NAME_PORT")
    image: str = Field(min_length=1, description="any image, by tag or digest; one that is not here is pulled")
    env: dict[str, str] = Field(default={}, description="environment of its container; no secrets")
    port: int = Field(ge=1, le=65535, description="port that it listens on")
    ready: str | None = Field(
        default=None, description="command in its container that ends with 0 once it is ready; none: the port is open"
    )


def _kind(value: Any) -> str:
    """Tags in brackets are not shown as keys of the file in error messages."""
    return "[postgres]" if isinstance(value, str) else "[service]"


AnyService = Annotated[
    Annotated[Literal["postgres"], Tag("[postgres]")] | Annotated[Service, Tag("[service]")], Discriminator(_kind)
]


class Limits(Section):
    """What one command may take of the machine; for a suite with shards each of them."""

    memory: Size = Field(default=3 * GIBIBYTE, ge=6 * MEBIBYTE, description="memory, such as 512m or 3g; no swap")
    cpus: float | None = Field(default=None, gt=0, description="processors, such as 1.5; none: as many as there are")
    pids: int = Field(default=2048, ge=1, description="processes and threads at once")
    disk: Size = Field(
        default=5 * GIBIBYTE, ge=1, description="what the suite and its services may write to disk, all together"
    )
    output: Size = Field(default=100 * MEBIBYTE, ge=1, description="what it may print")


class Suite(Section):
    run: str = Field(
        min_length=1, description="command, run by sh in the container; $JUNIT is where its JUnit file goes"
    )
    target: Name | None = Field(
        default="test", description="build target of the component's Dockerfile it runs in; null: the last stage"
    )
    files: dict[Folder, Place] = Field(
        default={},
        description="path in the component's folder, or . for all of it -> where it is put in the container; for tests that no image carries",
    )
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
    limits: Limits = Field(default=Limits(), description="what it may take of the machine; with shards each of them")
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
        if self.files and self.on == "host":
            raise ValueError("files is for suites in containers; on the host the component's folder is there as it is")
        if self.tests and self.on == "host":
            raise ValueError("tests is for suites in containers")
        return self
