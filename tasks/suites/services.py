"""The servers beside one suite, and what its environment says of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tasks.config.suites import Limits, Service
from tasks.containers import Database, postgres
from tasks.containers.service import address, last_lines, serving, state
from tasks.models import Reason

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

DATABASE = "DATABASE_URL"


def under(own: Mapping[str, str], served: Mapping[str, str]) -> dict[str, str]:
    """What services set, and over it what release.yaml gives: it may say MAIL_HOST in its own way. The database's address is
    another in each run, so that one is always as it was served.
    """
    return {**served, **own, **{name: url for name, url in served.items() if name == DATABASE}}


@dataclass
class Beside:
    """What was started beside a suite. `env` is for a container on the same network, `host_env` for this machine."""

    env: dict[str, str] = field(default_factory=dict)
    host_env: dict[str, str] = field(default_factory=dict)
    containers: dict[str, "Container"] = field(default_factory=dict)

    def add_database(self, database: Database) -> None:
        """$DATABASE_URL."""
        self.env[DATABASE], self.host_env[DATABASE] = database.url, database.host_url

    def add(self, service: Service, container: "Container", host: str) -> None:
        """$NAME_HOST and $NAME_PORT."""
        name = service.name.upper().replace("-", "_")
        self.env |= {f"{name}_HOST": service.name, f"{name}_PORT": str(service.port)}
        self.host_env |= {f"{name}_HOST": host, f"{name}_PORT": str(service.port)}
        self.containers[service.name] = container

    def ended(self, suite: str) -> list[Reason]:
        """A reason for each service that has ended while the suite ran."""
        states = {name: state(container) for name, container in self.containers.items()}
        return [
            Reason(
                what=f"{suite}: its service {name} {words} meanwhile\n{last_lines(self.containers[name])}",
                next_step="see whether the tests end it, or what it lacks",
            )
            for name, words in states.items()
            if words != "is running"
        ]


@contextmanager
def started(
    services: Sequence[Literal["postgres"] | Service], network: "Network", postgres_image: str, limits: Limits
) -> Iterator[Beside]:
    """Every service on the network, ready, for the length of a block. Raises `ReleaseRefused` for one that is not."""
    beside, own = Beside(), Limits(disk=limits.disk)  # memory and processes are not shared with the suite
    with ExitStack() as stack:
        for service in services:
            if isinstance(service, str):
                beside.add_database(stack.enter_context(postgres(network, postgres_image)))
                continue
            container = stack.enter_context(serving(network, service, own))
            beside.add(service, container, address(container, network))
        yield beside
