"""Plain SQL files, applied in the order of their names; what a file is called is its revision."""

import re

import psycopg

from tasks.config import Config, Migrations
from tasks.containers import postgres, private_network
from tasks.git import Mirror
from tasks.migrations import trace
from tasks.migrations.history import History, Revision, recorded
from tasks.migrations.problem import problem
from tasks.models import Finding

ACCEPT = re.compile(r"^--\s*slipway-accept:\s*(\w+)\s*:\s*(.+)$", re.MULTILINE)


def run(config: Config, settings: Migrations, commit: str) -> History:
    """Applies every file to an empty scratch database, each in a transaction of its own, and returns what was seen."""
    folder = f"{config.components[settings.component].path}/{settings.path}"
    files = _files(Mirror.open(config.app.repository), commit, folder)
    if not files:
        where = f"{folder} at {commit[:7]}"
        return History(
            problems=(
                problem("no_revisions", "there are no .sql files", where, "correct migrations.path in release.yaml"),
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
            rows = connection.execute(trace.READ_SNAPSHOTS).fetchall()
            events = connection.execute(trace.READ_EVENTS).fetchall()
    return recorded(revisions, rows, events, problems)


def _files(mirror: Mirror, commit: str, folder: str) -> dict[str, str]:
    """Revision -> SQL text, in the order of the names."""
    names = mirror.run("--literal-pathspecs", "ls-tree", "--name-only", "-z", commit, "--", f"{folder}/").split("\0")
    sql = sorted(n for n in names if n.endswith(".sql"))
    return {n.rsplit("/", 1)[-1].removesuffix(".sql"): mirror.run("cat-file", "blob", f"{commit}:{n}") for n in sql}


def _apply(url: str, files: dict[str, str], folder: str, settings: Migrations) -> list[Finding]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(trace.INSTALL)
        connection.execute(f"SET statement_timeout = '{int(settings.timeout)}s'")
        for name, text in files.items():
            try:
                connection.execute(text.encode())  # several statements at once run as one transaction
                connection.execute(trace.RECORD, [name])
            except psycopg.Error as error:
                return [_failed(name, text, folder, error)]
    return []


def _failed(name: str, text: str, folder: str, error: psycopg.Error) -> Finding:
    position = error.diag.statement_position
    line = f", line {text[: int(position)].count(chr(10)) + 1}" if position else ""
    message = error.diag.message_primary or str(error)
    next_step = "mend the file; files are run in the order of their names"
    return problem("upgrade_fails", message, f"{folder}/{name}.sql{line}", next_step, name)
