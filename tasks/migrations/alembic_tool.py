"""Alembic: from the commit's revisions to what running them showed, from each place where customers stand.

The app's env.py, models and driver do the work, beside the app (`prober`, `probe/`); the databases are ours (`scratch`).
"""

from collections.abc import Sequence
from typing import Any

from tasks.errors import ReleaseRefused
from tasks.migrations import bases, loops, trace, values, watched
from tasks.migrations.answers import NEXT, failure, missing
from tasks.migrations.backwards import backwards
from tasks.migrations.bases import Session, Start
from tasks.migrations.catalogue import snapshots
from tasks.migrations.code import Code
from tasks.migrations.history import History, Revision, Run
from tasks.migrations.judge import Standing, vanished
from tasks.migrations.problem import problem
from tasks.migrations.scratch import Server
from tasks.models import Finding


def revisions(looked: dict[str, Any], target: str) -> History:
    """What there is to run, and what stands against running it."""
    found = tuple(Revision(**r) for r in looked["revisions"])
    heads = tuple(sorted(looked["heads"]))
    if (told := looked["problem"]) and told["kind"] == "config":
        raise ReleaseRefused.because(
            told["what"], "the Alembic configuration", "correct script_location, or the path of the configuration"
        )
    if told:
        rule, next_step = NEXT[told["kind"]]
        problems = (problem(rule, told["what"], told["where"], next_step, told.get("revision") or ""),)
    elif len(heads) > 1 and target == "head":
        join = f'join them: alembic merge -m "merge" {" ".join(heads)}'
        problems = (
            problem("several_heads", f"there are {len(heads)} heads: {', '.join(heads)}", "down_revision", join),
        )
    elif not found:
        said = "correct script_location in alembic.ini, or the path of alembic.ini"
        problems = (problem("no_revisions", "there are no revisions", "script_location of alembic.ini", said),)
    else:
        problems = ()
    return History(revisions=found, heads=heads, problems=problems)


def run(session: Session, standings: Sequence[Standing]) -> History:
    """The history with its runs: each distinct start is made once, then upgraded to the heads while it records itself."""
    history, server = session.history, session.server
    if history.problems:
        return history
    known = {r.id for r in history.revisions}
    here = [s for s in standings if known.issuperset(s.heads)]
    places, failed = bases.make(session, bases.starts(history, here))
    begun = {name: _watched(server, name, start) for start, name in places.items()}
    codes = {n: [c.code for c in here if c.customer in s.customers and c.code] for n, s in begun.items() if s.database}
    before = {name: _unknown(server, name, asked) for name, asked in codes.items()}
    answers = session.upgrade(dict.fromkeys(begun, history.heads), compare=next(iter(begun), ""))
    runs = {name: _read(server, name, start, history, answers[name]) for name, start in begun.items()}
    runs |= {name: _with_values(server, name, runs[name], asked, before[name]) for name, asked in codes.items()}
    runs = _with_way_back(session, _with_loops(session, begun, runs))
    problems = (*vanished(history, standings), *failed, *missing(list(answers.values())[:1], history))
    return history.model_copy(update={"runs": tuple(runs.values()), "problems": problems})


def _watched(server: Server, name: str, start: Start) -> Start:
    """The database records itself from here on; a copy says itself where it stands."""
    with server.connect(name) as connection:
        watched.watch(connection)
        if not start.database:
            return start
        heads = [
            h
            for (t,) in connection.execute(trace.VERSION_TABLES_THERE).fetchall()
            for (h,) in connection.execute(f"TABLE {t}").fetchall()
        ]
    return start.model_copy(update={"heads": tuple(sorted(heads))})


def _read(server: Server, name: str, start: Start, history: History, answer: dict[str, Any]) -> Run:
    with server.connect(name) as connection:
        run = watched.read(connection, start.heads, history.pending(start.heads))
    return run.model_copy(
        update={"customers": start.customers, "problems": run.problems or tuple(_troubles(run, answer))}
    )


def _troubles(run: Run, answer: dict[str, Any]) -> list[Finding]:
    if answer["problem"]:
        return [failure(answer, run.unfinished(), "")]
    if left := run.unfinished():
        what = f"revision {left} could not be watched"
        return [
            problem("not_watched", what, "", "let Alembic keep its usual version table (one column, version_num)", left)
        ]
    return []


def _unknown(server: Server, name: str, codes: Sequence[Code]) -> set[values.Value]:
    with server.connect(name) as connection:
        return values.unknown(connection, codes)


def _with_values(server: Server, name: str, run: Run, codes: Sequence[Code], before: set[values.Value]) -> Run:
    """The run with values that came with it and that the code there does not know."""
    new = sorted(_unknown(server, name, codes) - before) if codes and run.steps else []
    told = tuple(values.finding(v, run.steps[-1].revision.id, run.customers) for v in new)
    return run.model_copy(update={"problems": (*run.problems, *told)})


def _with_loops(session: Session, begun: dict[str, Start], runs: dict[str, Run]) -> dict[str, Run]:
    """The runs with what they do in loops over rows; only those that read rows are run again."""
    again = {start: name for name, start in begun.items() if not start.database and loops.reads_rows(runs[name])}
    places, _ = bases.make(session, list(again)) if again else ({}, [])
    for start, name in places.items():
        _watched(session.server, name, start)
        with session.server.connect(name) as connection:
            loops.fill(connection)
    session.upgrade(dict.fromkeys(places.values(), session.history.heads))
    found = {}
    for start, name in places.items():
        with session.server.connect(name) as connection:
            filled = watched.read(connection, start.heads, session.history.pending(start.heads))
        found[again[start]] = loops.compare(runs[again[start]], filled)
    return {name: run.model_copy(update={"loops": found.get(name, {})}) for name, run in runs.items()}


def _with_way_back(session: Session, runs: dict[str, Run]) -> dict[str, Run]:
    """The runs with what the downgrades of the longest did: of what went well, as the rest need not lead back."""
    well = {
        n: way for n, run in runs.items() if not run.problems and (way := _down(session.history.pending(run.start)))
    }
    longest = max(well, key=lambda n: len(runs[n].revisions), default=None)
    if longest is None:
        return runs
    answer = session.upgrade({longest: ()}, down=well[longest])[longest]
    with session.server.connect(longest) as connection:
        seen = snapshots(connection.execute(trace.READ_SNAPSHOTS).fetchall())
    run = runs[longest]
    told = backwards(run, seen[len(run.snapshots) :], answer["warnings"])
    return {**runs, longest: run.model_copy(update={"problems": tuple(told)})}


def _down(pending: Sequence[Revision]) -> str:
    """Where the downgrades should lead back to; nowhere across branches, where order is by chance."""
    if any(len(r.parents) > 1 for r in pending) or any(
        b.parents != (a.id,) for a, b in zip(pending, pending[1:], strict=False)
    ):
        return ""
    return (pending[0].parents[0] if pending[0].parents else "base") if pending else ""
