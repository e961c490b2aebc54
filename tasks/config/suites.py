"""The parts of a suite's settings that say what stands beside it and how much it may take."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from tasks.config.types import Section, Size
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
