"""Plain SQL files, applied in the order of their names; what a file is called is its revision."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

import psycopg
from psycopg.pq import TransactionStatus

from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.containers import postgres, private_network
from tasks.errors import ReleaseRefused
from tasks.git import Mirror
from tasks.migrations import trace, watched
from tasks.migrations.history import History, Revision, Run
from tasks.migrations.judge import Standing, vanished
from tasks.migrations.problem import problem
from tasks.migrations.scratch import Server
from tasks.models import Finding

ACCEPT = re.compile(r"^--\s*slipway-accept:\s*(\w+)\s*:\s*(.+)$", re.MULTILINE)
# What a semicolon may hide in (PostgreSQL manual, Lexical Structure), then the semicolon itself.
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<tag>\$\w*\$).*?(?P=tag)|(?P<end>;)",
    re.DOTALL | re.IGNORECASE,
)
DOWN = (".down.sql", ".rollback.sql", ".undo.sql")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def run(config: Config, settings: Migrations, commit: str, standings: Sequence[Standing]) -> History:
    """Applies what is pending at each distinct start, each file in a transaction of its own, and returns what was seen."""
    folder = str(PurePosixPath(config.components[settings.component].path, settings.path))
    mirror = Mirror.holding(config.app.repository, config.app.branch, commit)
    files = _files(mirror, commit, folder)
    if not files:
        said = problem(
            "no_revisions",
            "there are no .sql files",
            f"{folder} at {commit[:7]}",
            "correct migrations.path in release.yaml",
        )
        return History(problems=(said,))
    names = list(files)
    revisions = [
        Revision(
            id=n, parents=(before,) if before else (), path=f"{folder}/{n}.sql", accepts=dict(ACCEPT.findall(files[n]))
        )
        for before, n in zip(["", *names], names, strict=False)
    ]
    history = History(revisions=tuple(revisions), heads=(names[-1],))
    problems = (*vanished(history, standings), *_edited(mirror, folder, files, standings))
    starts = sorted({s.heads for s in standings if set(s.heads) <= set(names) and history.pending(s.heads)})
    if not starts:
        return history.model_copy(update={"problems": problems})
    with private_network("migrations") as network, postgres(network, config.postgres) as database:
        scratch = Server(database.host_url, preamble=settings.preamble)
        try:
            runs = [_run(scratch, history, start, standings, files, folder, settings) for start in starts]
        finally:
            scratch.close()
    return history.model_copy(update={"runs": tuple(runs), "problems": problems})


def upgrade(config: Config, settings: Migrations, commit: str, url: str, head: str | None) -> bool:
    """Applies the files up to `head`, or what comes after the last one applied; says whether there were any."""
    folder = str(PurePosixPath(config.components[settings.component].path, settings.path))
    files = _files(Mirror.holding(config.app.repository, config.app.branch, commit), commit, folder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA IF NOT EXISTS slipway_done; CREATE TABLE IF NOT EXISTS slipway_done.files (name text)"
        )
        done = {name for (name,) in connection.execute("SELECT name FROM slipway_done.files").fetchall()}
        wanted = {n: t for n, t in files.items() if n not in done and (head is None or n <= head)}
        add = lambda name: connection.execute("INSERT INTO slipway_done.files VALUES (%s)", [name])  # noqa: E731
        if problems := _apply(url, wanted, folder, time.monotonic() + settings.timeout, settings.timeout, add):
            raise ReleaseRefused.because(problems[0].effect, problems[0].evidence, problems[0].next_step)
    return bool(wanted)


def _run(
    scratch: Server,
    history: History,
    start: tuple[str, ...],
    standings: Sequence[Standing],
    files: dict[str, str],
    folder: str,
    settings: Migrations,
) -> Run:
    deadline = time.monotonic() + settings.timeout
    pending = history.pending(start)
    waiting = {r.id for r in pending}
    url = scratch.address(scratch.create())
    problems = _apply(url, {n: t for n, t in files.items() if n not in waiting}, folder, deadline, settings.timeout)
    with psycopg.connect(url, autocommit=True) as connection:
        watched.watch(connection)
        record = lambda name: connection.execute(trace.RECORD, [name])  # noqa: E731
        problems = problems or _apply(
            url, {n: files[n] for n in files if n in waiting}, folder, deadline, settings.timeout, record
        )
        run = watched.read(connection, start, pending)
    here = tuple(s.customer for s in standings if s.heads == start)
    return run.model_copy(update={"customers": here, "problems": tuple(problems)})


def _files(mirror: Mirror, commit: str, folder: str) -> dict[str, str]:
    """Revision -> SQL text, in the order of the names; what takes back is never run."""
    names = mirror.run("--literal-pathspecs", "ls-tree", "--name-only", "-z", commit, "--", f"{folder}/").split("\0")
    sql = sorted(n for n in names if n.endswith(".sql") and not n.endswith(DOWN))
    return {_id(n): mirror.run("cat-file", "blob", f"{commit}:{n}") for n in sql}


def _id(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".sql").removesuffix(".up")


def _edited(mirror: Mirror, folder: str, files: dict[str, str], standings: Sequence[Standing]) -> list[Finding]:
    """Files that ran at a customer and are no longer what they were there, by their words without comments."""
    keep, found = "a file that has run anywhere must stay as it is; write a new one", {}
    for standing in (s for s in standings if s.source and s.heads and mirror.has_commit(s.source)):
        then = _files(mirror, standing.source or "", folder)
        for name in (n for n in files if n <= standing.heads[0] and then):
            if name not in then:
                what = f"{name} comes before where {standing.customer} stands, and never ran there: it never will"
                found.setdefault(
                    name,
                    problem(
                        "revision_inserted", what, f"{folder}/{name}.sql", "give it a name after the last file", name
                    ),
                )
            elif _words(then[name]) != _words(files[name]):
                what = f"{name} ran at {standing.customer}, and was edited since"
                found.setdefault(
                    name, problem("revision_edited", what, f"{folder}/{name}.sql", f"take the edit back; {keep}", name)
                )
    return list(found.values())


def _words(text: str) -> list[str]:
    return COMMENT.sub(" ", text).split()


def _apply(
    url: str,
    files: dict[str, str],
    folder: str,
    deadline: float,
    limit: float,
    record: Callable[[str], object] = lambda name: None,
) -> list[Finding]:
    # No prepared statements: DISCARD ALL forgets them without telling the driver.
    with (
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection,
        _limited(connection, deadline) as expired,
    ):
        for name, text in files.items():
            try:
                for statements in _parts(text):
                    connection.execute(statements.encode())  # several statements at once run as one transaction
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    return [_failed(name, folder, "the file leaves a transaction open", "end it with COMMIT")]
                connection.execute("DISCARD ALL")  # what a file sets is no other file's business
                record(name)
            except psycopg.Error as error:
                if expired.is_set():
                    return [
                        _failed(
                            name, folder, f"stopped after {limit:g} s", "find what hangs, or raise migrations.timeout"
                        )
                    ]
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
