"""A PostgreSQL that a Prefect server keeps its state in, and that can be stopped under it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psutil
from docker.errors import APIError

from tasks import containers
from tests.ports import free_port

PASSWORD = "only-here"  # noqa: S105 - of a database that lives as long as a test
SECONDS = 60
LABEL = "slipway.tests"


class Postgres(NamedTuple):
    """Its address for Prefect, and its container: stopped and started again it has the same data at the same address."""

    url: str
    container: Any

    @property
    def settings(self) -> dict[str, str]:
        """Environment of a Prefect server that keeps its state here."""
        return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": self.url}

    def away(self, seconds: float) -> None:
        """Stops it, and brings it back after so long."""
        self.container.stop()
        time.sleep(seconds)
        self.container.start()
        _wait(self.url.replace("+asyncpg", ""))

    def rows(self) -> str:
        """Every row of every table, as text."""
        import psycopg

        with psycopg.connect(self.url.replace("+asyncpg", "")) as there:
            tables = there.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            return "\n".join(row[0] for (table,) in tables for row in there.execute(f"SELECT t::text FROM {table} t"))


@contextmanager
def postgres(image: str = "postgres:17") -> Iterator[Postgres]:
    """Answers when it is handed over; gone at the end of the block."""
    _remove_left()
    container, port = _started(image)
    address = f"prefect:{PASSWORD}@127.0.0.1:{port}/prefect"
    try:
        _wait(f"postgresql://{address}")
        yield Postgres(f"postgresql+asyncpg://{address}", container)
    finally:
        container.remove(force=True, v=True)


def _started(image: str) -> tuple[Any, int]:
    """The container and its port, which another test run on this machine may take a moment before."""
    port = free_port(5500)
    container = containers.engine().containers.create(
        image,
        ports={"5432/tcp": ("127.0.0.1", port)},
        environment={"POSTGRES_USER": "prefect", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "prefect"},
        labels={LABEL: str(os.getpid())},  # not a run's: what sweeps up after runs of this process must leave it
    )
    try:
        container.start()
    except APIError as error:
        container.remove(force=True, v=True)
        if "port is already allocated" not in str(error):
            raise
        return _started(image)
    return container, port


def _remove_left() -> None:
    """Those of test runs that were killed."""
    for left in containers.engine().containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if not psutil.pid_exists(int(left.labels[LABEL])):
            left.remove(force=True, v=True)


def _wait(url: str) -> None:
    import psycopg

    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
