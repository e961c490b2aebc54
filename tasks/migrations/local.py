"""The check on a developer's machine: an embedded PostgreSQL, and the app's own interpreter for its migrations."""

import tarfile
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import git

from tasks.errors import ReleaseRefused
from tasks.migrations import alembic_tool, command_tool, deployed, shell
from tasks.migrations.bases import Session
from tasks.migrations.code import Code
from tasks.migrations.history import History
from tasks.migrations.judge import Standing, judge
from tasks.migrations.prober import Ask, conversation
from tasks.migrations.scratch import server
from tasks.models import MigrationReport, Value

LIMIT_SECONDS = 300


class Checked(Value):
    """A report with the history it was made from."""

    report: MigrationReport
    history: History


def check_alembic(
    config: Path,
    standings: Sequence[Standing] = (),
    to: str = "head",
    postgres: str | None = None,
    python: str = "",
    preamble: str = "",
    seconds: float = LIMIT_SECONDS,
) -> Checked:
    """Runs the revisions of an alembic.ini on scratch databases and judges them for these customers.

    Without customers the newest revision counts as the only pending one, and everything as in use. Raises
    `ReleaseRefused` when the migrations cannot be run at all, `ServiceUnavailable` when PostgreSQL cannot.
    """
    start = time.monotonic()
    if not config.is_file():
        raise ReleaseRefused.because(
            "there is no Alembic configuration", str(config), "give its path with --alembic-config"
        )
    with conversation(config.parent, python) as probe:
        probe.tell(do="look", config=config.name, target=to)  # imports the app while the server starts
        with server(postgres, preamble) as scratch:
            looked = probe.hear()
            history = alembic_tool.revisions(looked, to)
            customers = _with_code(probe.ask, _whole(history, standings)) or _newest_only(history)
            history = alembic_tool.run(Session(probe.ask, scratch, str(config), looked, history, seconds), customers)
    here = {c: run.start for run in history.runs for c in run.customers}
    customers = [
        s.model_copy(update={"heads": here.get(s.customer, s.heads)}) for s in customers
    ]  # a copy says itself where it is
    for s in (s for s in customers if s.source and not deployed.read_all(s.source)):
        raise ReleaseRefused.because(
            f"{s.customer}: no revision files below {s.source}", "source", "give the checkout that holds them"
        )
    history = history.model_copy(
        update={
            "problems": (
                *history.problems,
                *deployed.compare(history, customers, deployed.of_files(history), deployed.read_all),
            )
        }
    )
    return Checked(report=judge(history, customers, time.monotonic() - start), history=history)


def check_command(
    upgrade: str,
    folder: Path,
    standings: Sequence[Standing],
    postgres: str | None = None,
    preamble: str = "",
    seconds: float = LIMIT_SECONDS,
) -> Checked:
    """The same for a command that brings DATABASE_URL to the newest schema, run by the shell in `folder`.

    A customer's release is its `source`, or the app's commit that its revision names.
    """
    start = time.monotonic()
    if not upgrade:
        raise ReleaseRefused.because("there is no command to run", "--tool command", "give --upgrade-command")
    if not standings:
        raise ReleaseRefused.because(
            "nobody says where customers stand", "--tool command", "give --from COMMIT, or --fleet FILE"
        )
    with tempfile.TemporaryDirectory() as place, server(postgres, preamble) as scratch:

        def released(standing: Standing) -> command_tool.Upgrade | None:
            source = Path(standing.source) if standing.source else commit_of(folder, standing.heads[0], Path(place))
            return partial(shell.run, upgrade, source, seconds) if source else None

        history = command_tool.run(scratch, partial(shell.run, upgrade, folder, seconds), released, standings)
    return Checked(report=judge(history, standings, time.monotonic() - start), history=history)


def commit_of(folder: Path, commit: str, place: Path) -> Path | None:
    """The folder as it was at a commit of its repository, checked out beside; None when there is no such commit."""
    try:
        repository = git.Repo(folder, search_parent_directories=True)
        found = repository.commit(commit).hexsha
    except (git.InvalidGitRepositoryError, git.BadName, ValueError):
        return None
    inside = folder.resolve().relative_to(Path(str(repository.working_tree_dir)).resolve())
    with (place / f"{found}.tar").open("wb") as archive:
        repository.archive(archive, treeish=f"{found}:{inside}" if str(inside) != "." else found)
    with tarfile.open(place / f"{found}.tar") as archive:
        archive.extractall(place / found, filter="data")
    return place / found


def _with_code(ask: Ask, standings: Sequence[Standing]) -> list[Standing]:
    """The customers with what their code maps; each metadata is read once."""
    known = {place: _mapped(ask, place) for place in dict.fromkeys(s.metadata for s in standings) if place}
    return [s.model_copy(update={"code": known.get(s.metadata)}) for s in standings]


def _mapped(ask: Ask, place: str) -> Code:
    answer = ask(do="map", place=place)
    if told := answer["problem"]:
        step = "give path/to/file.py:ATTRIBUTE of the SQLAlchemy metadata or declarative base, and an interpreter that can import it"
        raise ReleaseRefused.because(f"the metadata cannot be read: {told['what']}", f"{place}, {told['where']}", step)
    return Code.of(answer["tables"])


def _whole(history: History, standings: Sequence[Standing]) -> list[Standing]:
    """The customers at whole revision ids: the beginning of one is enough, as for Alembic, and head is the newest."""
    ids = [r.id for r in history.revisions]

    def whole(given: str) -> tuple[str, ...]:
        if given in ("head", "heads"):
            return history.heads
        found = [i for i in ids if i.startswith(given)] if given not in ids and len(given) > 3 else []
        return (found[0],) if len(found) == 1 else (given,)

    return [s.model_copy(update={"heads": tuple(sorted(h for g in s.heads for h in whole(g)))}) for s in standings]


def _newest_only(history: History) -> list[Standing]:
    last = history.revisions[-1].parents if history.revisions else ()
    return [Standing(customer="every customer", heads=tuple(sorted(last)))]
