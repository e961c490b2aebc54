"""Alembic: from the commit's revisions to what running them showed, from each place where customers stand.

The app's env.py, models and driver do the work, beside the app (`prober`, `probe/`); the databases are ours (`scratch`).
"""

import hashlib
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.errors import ReleaseRefused
from tasks.migrations import loops, trace, values, watched
from tasks.migrations.backwards import backwards
from tasks.migrations.catalogue import snapshots
from tasks.migrations.code import Code
from tasks.migrations.history import History, Revision, Run
from tasks.migrations.judge import Standing, vanished
from tasks.migrations.prober import Ask
from tasks.migrations.problem import problem
from tasks.migrations.scratch import Server
from tasks.models import Finding, Value

NEXT = {
    "graph": ("missing_parent", "restore the revision that is missing, or correct down_revision"),
    "cycle": ("revision_cycle", "let one of them follow a revision that comes before all of them"),
    "duplicate": ("duplicate_revision", "give one of the two files another revision id"),
    "import": ("not_importable", "mend what cannot be imported"),
    "start": ("env_fails", "mend env.py, or what it needs; the check runs it on an empty database of its own"),
    "upgrade": ("upgrade_fails", "mend the revision; it was run on PostgreSQL, from the first revision on"),
}


class Start(Value):
    """One place where customers stand: the heads of their databases, or a copy of one database."""

    heads: tuple[str, ...]
    database: str | None
    customers: tuple[str, ...]


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


def run(
    ask: Ask,
    server: Server,
    config: str,
    looked: dict[str, Any],
    history: History,
    standings: Sequence[Standing],
    seconds: float,
) -> History:
    """The history with its runs: each distinct start is made once, then upgraded to the heads while it records itself."""
    if history.problems:
        return history
    gone = vanished(history, standings)
    known = {r.id for r in history.revisions}
    here = [s for s in standings if known.issuperset(s.heads)]
    starts = [s for s in _starts(history, here) if s.database or history.pending(s.heads)]
    places, failed = _bases(ask, server, config, looked, history, starts, seconds)
    ready = [s for s in starts if s in places]
    begun = [_watched(server, places[s], s) for s in ready]
    codes = {s: [c.code for c in here if c.customer in s.customers and c.code] for s in ready if s.database}
    unknown_before = {s: _unknown(server, places[s], known) for s, known in codes.items()}
    jobs = [
        {
            "url": server.inside(places[s]),
            "to": list(history.heads),
            "seconds": seconds,
            "check": n == 0,
        }
        for n, s in enumerate(begun)
    ]
    answers = ask(do="run", config=config, jobs=jobs)["jobs"] if jobs else []
    runs = [_read(server, places[s], s, history, answer) for s, answer in zip(begun, answers, strict=True)]
    runs = [
        _with_values(server, places[s], run, codes.get(s, []), unknown_before.get(s, set()))
        for s, run in zip(ready, runs, strict=True)
    ]
    runs = _with_loops(ask, server, config, looked, history, dict(zip(begun, runs, strict=True)), seconds)
    runs = _back(ask, server, config, history, runs, [places[s] for s in ready], seconds)
    problems = (*gone, *failed, *_missing(answers, history))
    return history.model_copy(update={"runs": tuple(runs), "problems": problems})


def _starts(history: History, standings: Sequence[Standing]) -> list[Start]:
    """Each distinct start once, with its customers."""
    found: dict[tuple[tuple[str, ...], str | None], list[str]] = {}
    for s in standings:
        found.setdefault((s.heads, s.database), []).append(s.customer)
    return [Start(heads=h, database=d, customers=tuple(c)) for (h, d), c in found.items()]


def _bases(
    ask: Ask,
    server: Server,
    config: str,
    looked: dict[str, Any],
    history: History,
    starts: Sequence[Start],
    seconds: float,
) -> tuple[dict[Start, str], list[Finding]]:
    """A database at each start: a copy of the customer's, one that an earlier check made, or revisions run from nothing."""
    places = {s: server.clone(s.database) for s in starts if s.database}
    kept = server.kept() if server.keeps else {}
    to_make: dict[Start, str] = {}
    for start in (s for s in starts if not s.database):
        wanted = {
            "config": config,
            "heads": list(start.heads),
            "ancestors": sorted(history.ancestors(start.heads)),
            "preamble": server.preamble,
        }
        templates = (name for name, made in kept.items() if _fits(made, wanted))
        if name := next(filter(None, map(server.copy, templates)), "") if start.heads else server.create():
            places[start] = name
        else:
            to_make[start] = server.create()
    jobs = [{"url": server.inside(name), "to": list(s.heads), "seconds": seconds} for s, name in to_make.items()]
    answers = ask(do="run", config=config, jobs=jobs)["jobs"] if jobs else []
    failed = []
    for (start, name), answer in zip(to_make.items(), answers, strict=True):
        if answer["problem"]:
            failed.append(_failure(answer, "", "before the start of any customer"))
            continue
        if server.keeps:
            server.keep(name, _made_from(config, start, history, looked, answer, server.preamble))
        places[start] = name
    return places, failed


def _made_from(
    config: str, start: Start, history: History, looked: dict, answer: dict, preamble: str
) -> dict[str, Any]:
    """What a kept database depends on: every file of the app that was opened for it, but no later revision."""
    ancestors = history.ancestors(start.heads)
    later = {r.path for r in history.revisions if r.id not in ancestors}
    outside = (sysconfig.get_path("stdlib"), "/proc/", "/dev/", "/usr/", "/etc/")
    known = {r.path for r in history.revisions}
    files = sorted({_source(f) for f in (*looked["opened"], *answer["opened"])} - later)
    ours = [
        f for f in files if f in known or ("site-packages" not in f and not f.startswith(outside) and Path(f).is_file())
    ]
    return {
        "config": config,
        "heads": list(start.heads),
        "ancestors": sorted(ancestors),
        "preamble": preamble,
        "files": ours,
        "digest": _digest(ours),
    }


def _fits(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(made.get(k) == v for k, v in wanted.items()) and made["digest"] == _digest(made["files"])


def _digest(files: Sequence[str]) -> str:
    content = hashlib.sha256()
    for name in files:
        path = Path(name)
        content.update(path.read_bytes() if path.is_file() else b"gone")
        content.update(b"\0")
    return content.hexdigest()


def _source(file: str) -> str:
    path = Path(file)
    return str(path.parent.parent / f"{path.name.split('.')[0]}.py") if path.parent.name == "__pycache__" else file


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


def _back(
    ask: Ask, server: Server, config: str, history: History, runs: Sequence[Run], names: Sequence[str], seconds: float
) -> list[Run]:
    """The runs with what the downgrades of the longest did: of what went well, as the rest need not lead back."""
    ways = {
        n: w
        for n, run in zip(names, runs, strict=True)
        if not run.problems and (w := _down(history.pending(run.start)))
    }
    lengths = {n: len(run.revisions) for n, run in zip(names, runs, strict=True) if n in ways}
    ways = {n: ways[n] for n in sorted(lengths, key=lambda n: -lengths[n])[:1]}
    jobs = [{"url": server.inside(name), "to": [], "seconds": seconds, "down": way} for name, way in ways.items()]
    answers = dict(zip(ways, ask(do="run", config=config, jobs=jobs)["jobs"] if jobs else [], strict=True))
    return [_with_way_back(server, name, run, answers.get(name)) for name, run in zip(names, runs, strict=True)]


def _unknown(server: Server, name: str, codes: Sequence[Code]) -> set[values.Value]:
    with server.connect(name) as connection:
        return values.unknown(connection, codes)


def _with_values(server: Server, name: str, run: Run, codes: Sequence[Code], before: set[values.Value]) -> Run:
    """The run with values that came with it and that the code there does not know."""
    new = sorted(_unknown(server, name, codes) - before) if codes and run.steps else []
    told = tuple(values.finding(v, run.steps[-1].revision.id, run.customers) for v in new)
    return run.model_copy(update={"problems": (*run.problems, *told)})


def _with_loops(
    ask: Ask,
    server: Server,
    config: str,
    looked: dict[str, Any],
    history: History,
    runs: dict[Start, Run],
    seconds: float,
) -> list[Run]:
    """The runs with what they do in loops over rows; only those that read rows are run again."""
    again = [s for s, run in runs.items() if not s.database and loops.reads_rows(run)]
    places, _ = _bases(ask, server, config, looked, history, again, seconds) if again else ({}, [])
    for start, name in places.items():
        _watched(server, name, start)
        with server.connect(name) as connection:
            loops.fill(connection)
    jobs = [{"url": server.inside(name), "to": list(history.heads), "seconds": seconds} for name in places.values()]
    if jobs:
        ask(do="run", config=config, jobs=jobs)
    found = {}
    for start, name in places.items():
        with server.connect(name) as connection:
            found[start] = loops.compare(
                runs[start], watched.read(connection, start.heads, history.pending(start.heads))
            )
    return [run.model_copy(update={"loops": found.get(s, {})}) for s, run in runs.items()]


def _with_way_back(server: Server, name: str, run: Run, answer: dict[str, Any] | None) -> Run:
    if answer is None:
        return run
    with server.connect(name) as connection:
        seen = snapshots(connection.execute(trace.READ_SNAPSHOTS).fetchall())
    return run.model_copy(
        update={"problems": (*run.problems, *backwards(run, seen[len(run.snapshots) :], answer["warnings"]))}
    )


def _down(pending: Sequence[Revision]) -> str:
    """Where the downgrades should lead back to; nowhere across branches, where order is by chance."""
    if any(len(r.parents) > 1 for r in pending) or any(
        b.parents != (a.id,) for a, b in zip(pending, pending[1:], strict=False)
    ):
        return ""
    return (pending[0].parents[0] if pending[0].parents else "base") if pending else ""


def _read(server: Server, name: str, start: Start, history: History, answer: dict[str, Any]) -> Run:
    with server.connect(name) as connection:
        run = watched.read(connection, start.heads, history.pending(start.heads))
    return run.model_copy(
        update={"customers": start.customers, "problems": run.problems or tuple(_troubles(run, answer))}
    )


def _troubles(run: Run, answer: dict[str, Any]) -> list[Finding]:
    if answer["problem"]:
        return [_failure(answer, run.unfinished(), "")]
    if left := run.unfinished():
        what = f"revision {left} could not be watched"
        return [
            problem("not_watched", what, "", "let Alembic keep its usual version table (one column, version_num)", left)
        ]
    return []


def _failure(answer: dict[str, Any], revision: str, when: str) -> Finding:
    """What was raised, or how long it took, with the last lines that were printed."""
    told = answer["problem"]
    kind = (
        told["kind"]
        if told["kind"] != "start" or not revision or "sqlalchemy" not in told.get("module", "")
        else "upgrade"
    )
    rule, next_step = NEXT[kind]
    said = "; ".join(part for part in (told["where"], when, *(answer.get("tail") or [])[-3:]) if part)
    if "extension" in told["what"] and "is not available" in told["what"]:
        next_step = "give --postgres URL of a server that has the extension (in release.yaml: an image that has it); the embedded one does not"
    return problem(
        rule, told["what"], said, next_step, told.get("revision") or (revision if rule == "upgrade_fails" else "")
    )


def _missing(answers: Sequence[dict[str, Any]], history: History) -> list[Finding]:
    """What the models have and the migrated database lacks: new code would fail on it."""
    lacking = [m for answer in answers for m in answer["missing"]]
    found = []
    for kind, table, column in lacking:
        name = f"{table}.{column}" if column else table
        if kind == "unknown":
            found.append(
                problem(
                    "model_drift",
                    "the models could not be compared with the database",
                    table,
                    "see env.py's target_metadata",
                    blocking=False,
                )
            )
            continue
        what = f"the models have the {kind} {name}, and the migrated database does not"
        step = f'write the revision that adds it: alembic revision --autogenerate -m "add {name}"'
        found.append(
            problem("model_drift", what, "compare_metadata", step, history.head or "").model_copy(
                update={"object": name}
            )
        )
    return found
