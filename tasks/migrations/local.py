"""The check on a developer's machine: an embedded PostgreSQL, and the app's own interpreter for its migrations."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tasks import command
from tasks.errors import ReleaseRefused
from tasks.migrations import alembic_tool, trace
from tasks.migrations.history import History, Revision, recorded
from tasks.migrations.judge import Standing, judge
from tasks.migrations.scratch import scratch_database
from tasks.models import MigrationReport, Value

HERE = Path(__file__).parent
LIMIT_SECONDS = 300
# What the migrations may see of this environment: no address of a database, no secret.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")


class Checked(Value):
    """A report with the history it was made from."""

    report: MigrationReport
    history: History


def check_alembic(
    config: Path, standings: Sequence[Standing] = (), to: str = "head", server: str | None = None, python: str = ""
) -> Checked:
    """Runs the revisions of an alembic.ini on a scratch database and judges them for these customers.

    Without customers the newest revision counts as the only pending one, and everything as in use. Raises
    `ReleaseRefused` when the migrations cannot be run at all, `ServiceUnavailable` when PostgreSQL cannot.
    """
    start = time.monotonic()
    if not config.is_file():
        raise ReleaseRefused.because(
            "there is no Alembic configuration", str(config), "give its path with --alembic-config"
        )
    with tempfile.TemporaryDirectory() as folder, scratch_database(server) as url:
        result = Path(folder, "result.json")
        run_python(["probe.py", config.name, str(result), to], config.parent, url, python)
        with psycopg.connect(url) as connection:
            rows = connection.execute(trace.READ_SNAPSHOTS).fetchall()
            events = connection.execute(trace.READ_EVENTS).fetchall()
        seen = json.loads(result.read_text())
    revisions = [Revision(**r) for r in seen["revisions"]]
    history = recorded(revisions, rows, events, alembic_tool.problems(seen, revisions, rows))
    return Checked(report=judge(history, standings or _newest_only(history), time.monotonic() - start), history=history)


def uses(place: str, python: str = "") -> dict[str, tuple[str, ...]]:
    """Table -> columns that the metadata at `path/to/file.py:ATTRIBUTE` maps."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "metadata.json")
        run_python(["metadata_probe.py", place, str(result)], Path.cwd(), "", python)
        return {table: tuple(columns) for table, columns in json.loads(result.read_text()).items()}


def run_python(arguments: Sequence[str], folder: Path, url: str, python: str) -> None:
    """Runs one of our probes by the app's interpreter, in the folder of its configuration.

    Raises `ReleaseRefused` with the end of its output when it ended without a result.
    """
    env = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
    program = python or _interpreter()
    argv = [program, str(HERE / arguments[0]), *arguments[1:]]
    before = Path.cwd()
    os.chdir(folder)
    try:
        command.run(
            argv, name="migrations", timeout_seconds=LIMIT_SECONDS, env={**env, "DATABASE_URL": url} if url else env
        )
    finally:
        os.chdir(before)


def _interpreter() -> str:
    """The virtual environment that is active, else the interpreter that runs Slipway."""
    active = os.environ.get("VIRTUAL_ENV")
    return str(Path(active, "bin", "python")) if active else sys.executable


def _newest_only(history: History) -> list[Standing]:
    parents = history.revisions[-1].parents if history.revisions else ()
    return [Standing(customer="every customer", revision=p) for p in parents] or [
        Standing(customer="every customer", revision=None)
    ]


def as_json(checked: Checked) -> dict[str, Any]:
    """What scripts read; its schema is `slipway migrations schema`."""
    report, history = checked.report, checked.history
    pending = {r for revisions in report.pending.values() for r in revisions}
    steps = [step for step in history.steps(None) if step.revision.id in pending]
    phases = {step.revision.id: _phase(step.revision.id, report, bool(step.events)) for step in steps}
    overall = "contract" if "contract" in phases.values() else "expand" if "expand" in phases.values() else "none"
    return {
        "blocking": any(f.blocking for f in report.findings),
        "phase": overall,
        "from": list(report.starts),
        "to": report.head,
        "revisions": [_step_json(step, phases[step.revision.id]) for step in steps],
        "findings": [f.model_dump(mode="json") for f in report.findings],
    }


def _phase(revision: str, report: MigrationReport, active: bool) -> str:
    takes = any(f.revision == revision and f.family == "compatibility" for f in report.findings)
    return "contract" if takes else "expand" if active else "none"


def _step_json(step: Any, phase: str) -> dict[str, Any]:
    names = {t.oid: t.name for snapshot in (step.before, step.after) for t in snapshot.tables}
    locks = {
        (names[k.oid], k.mode) for e in step.events for k in e.locks if k.oid in names and step.before.table(k.oid)
    }
    return {
        "revision": step.revision.id,
        "phase": phase,
        "seconds": round(step.seconds, 4),
        "statements": [
            {"command": e.tag, "sql": (e.query or "")[:2000]} for e in step.events if e.kind in ("command", "rows")
        ],
        "locks": [{"table": table, "mode": mode} for table, mode in sorted(locks)],
        "rewrites": [names.get(o.oid, "") for e in step.events if e.kind == "rewrite" for o in e.objects],
    }
