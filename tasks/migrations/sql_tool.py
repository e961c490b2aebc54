"""Plain SQL files, applied in the order of their names; what a file is called is its revision."""

import re

import psycopg

from tasks.config import Config, Migrations
from tasks.containers import postgres, private_network
from tasks.git import Mirror
from tasks.migrations import catalogue
from tasks.migrations.history import History, Revision
from tasks.models import Reason

ACCEPT = re.compile(r"^--\s*slipway-accept:\s*(\w+)\s*:\s*(.+)$", re.MULTILINE)


def run(config: Config, settings: Migrations, commit: str) -> History:
    """Applies every file to an empty scratch database, each in a transaction of its own, and returns what was seen."""
    folder = f"{config.components[settings.component].path}/{settings.path}"
    files = _files(Mirror.open(config.app.repository), commit, folder)
    if not files:
        return History(
            problems=(
                Reason(
                    what="migrations: there are no .sql files",
                    where=f"{folder} at {commit[:7]}",
                    next_step="correct migrations.path in release.yaml",
                ),
            )
        )
    revisions = [
        Revision(
            id=name,
            parents=(previous,) if previous else (),
            path=f"{folder}/{name}.sql",
            accepts=dict(ACCEPT.findall(text)),
        )
        for previous, (name, text) in zip(["", *files], files.items(), strict=False)
    ]
    with private_network("migrations") as network, postgres(network, config.postgres) as database:
        problems = _apply(database.host_url, files, folder, settings)
        with psycopg.connect(database.host_url) as connection:
            rows = connection.execute(catalogue.READ).fetchall()
    return History(revisions=tuple(revisions), snapshots=tuple(catalogue.snapshots(rows)), problems=tuple(problems))


def _files(mirror: Mirror, commit: str, folder: str) -> dict[str, str]:
    """Revision -> SQL text, in the order of the names."""
    names = mirror.run("--literal-pathspecs", "ls-tree", "--name-only", "-z", commit, "--", f"{folder}/").split("\0")
    sql = sorted(n for n in names if n.endswith(".sql"))
    return {n.rsplit("/", 1)[-1].removesuffix(".sql"): mirror.run("cat-file", "blob", f"{commit}:{n}") for n in sql}


def _apply(url: str, files: dict[str, str], folder: str, settings: Migrations) -> list[Reason]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(catalogue.INSTALL)
        connection.execute(f"SET statement_timeout = '{int(settings.timeout)}s'")
        for name, text in files.items():
            try:
                connection.execute(text.encode())  # several statements at once run as one transaction
                connection.execute(catalogue.RECORD, [name])
            except psycopg.Error as error:
                return [_failed(name, text, folder, error)]
    return []


def _failed(name: str, text: str, folder: str, error: psycopg.Error) -> Reason:
    position = error.diag.statement_position
    line = f", line {text[: int(position)].count(chr(10)) + 1}" if position else ""
    message = error.diag.message_primary or str(error)
    return Reason(
        what=f"migrations: revision {name}: {message}",
        where=f"{folder}/{name}.sql{line}",
        next_step="mend the file; files are run in the order of their names",
    )
