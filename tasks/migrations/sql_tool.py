"""Plain SQL files, applied in the order of their names; what a file is called is its revision."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from tasks.config import Config, Migrations
from tasks.containers import postgres, private_network
from tasks.git import Mirror
from tasks.migrations import trace
from tasks.migrations.history import History, Revision, recorded
from tasks.migrations.problem import problem
from tasks.models import Finding

ACCEPT = re.compile(r"^--\s*slipway-accept:\s*(\w+)\s*:\s*(.+)$", re.MULTILINE)
# What a semicolon may hide in (PostgreSQL manual, Lexical Structure), then the semicolon itself.
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<tag>\$\w*\$).*?(?P=tag)|(?P<end>;)",
    re.DOTALL | re.IGNORECASE,
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


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
    deadline = time.monotonic() + settings.timeout
    # No prepared statements: DISCARD ALL forgets them without telling the driver.
    with (
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection,
        _limited(connection, deadline) as expired,
    ):
        connection.execute(trace.INSTALL)
        for name, text in files.items():
            try:
                for statements in _parts(text):
                    connection.execute(statements.encode())  # several statements at once run as one transaction
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    return [_failed(name, folder, "the file leaves a transaction open", "end it with COMMIT")]
                connection.execute("DISCARD ALL")  # what a file sets is no other file's business
                connection.execute(trace.RECORD, [name])
            except psycopg.Error as error:
                if expired.is_set():
                    what = f"stopped after {settings.timeout:g} s"
                    return [_failed(name, folder, what, "find what hangs, or raise migrations.timeout")]
                what = error.diag.message_primary or str(error)
                step = "mend the file; files are run in the order of their names"
                return [_failed(name, folder, what, step, _line(text, error))]
    return []


@contextmanager
def _limited(connection: psycopg.Connection, deadline: float) -> Iterator[threading.Event]:
    """Cancels what runs at the deadline. A statement_timeout would not do: a file can change it."""
    expired = threading.Event()
    timer = threading.Timer(max(deadline - time.monotonic(), 0), lambda: (expired.set(), connection.cancel_safe()))
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()


def _parts(text: str) -> list[str]:
    """The file as one transaction, or statement by statement where it says CONCURRENTLY, which must be outside one."""
    if "CONCURRENTLY" not in COMMENT.sub("", text).upper():
        return [text]
    ends = [match.end() for match in TOKEN.finditer(text) if match["end"]]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if text[a:b].strip()]


def _line(text: str, error: psycopg.Error) -> int | None:
    """Line of the mistake, where PostgreSQL says a position and the file ran as a whole."""
    position = error.diag.statement_position
    if not position or len(_parts(text)) > 1:
        return None
    return text[: int(position)].count("\n") + 1


def _failed(name: str, folder: str, what: str, next_step: str, line: int | None = None) -> Finding:
    place = f"{folder}/{name}.sql" + (f", line {line}" if line else "")
    return problem("upgrade_fails", what, place, next_step, name)
