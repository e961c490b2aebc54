"""A PostgreSQL of our own for a suite or a check."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.containers.engine import have
from tasks.containers.lifetime import running
from tasks.errors import ServiceUnavailable
from tasks.failpoints import reach
from tasks.models import Value

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

READY_SECONDS = 60


class Database(Value):
    """A PostgreSQL of our own, with its address for containers beside it and for this process."""

    url: str
    host_url: str
    container: str


@contextmanager
def postgres(network: "Network", image: str) -> Iterator[Database]:
    """An empty PostgreSQL on the network as `postgres`, in memory and without fsync: quick, and gone afterwards.

    The image is pulled where this Engine does not have it.
    """
    have(image)
    password = secrets.token_hex(12)
    env = {"POSTGRES_PASSWORD": password, "POSTGRES_USER": "app", "POSTGRES_DB": "app", "PGDATA": "/scratch/data"}
    command = ["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    with running(
        image, network, alias="postgres", env=env, command=command, tmpfs={"/scratch": "mode=1777"}
    ) as container:
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
        database = Database(
            url=f"postgresql://app:{password}@postgres:5432/app",
            host_url=f"postgresql://app:{password}@{address}:5432/app",
            container=container.id,
        )
        _wait_for_postgres(container, database)
        reach("postgres:ready")
        yield database


def _wait_for_postgres(container: "Container", database: Database) -> None:
    import psycopg

    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            psycopg.connect(database.host_url, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            container.reload()
            if container.status == "exited" or time.monotonic() > deadline:
                last = container.logs(tail=10).decode(errors="replace")
                raise ServiceUnavailable.because(
                    f"PostgreSQL did not start: {error}\n{last}", str(container.image), "try the image by hand"
                ) from error
            time.sleep(0.1)
