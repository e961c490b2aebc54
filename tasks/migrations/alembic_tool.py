"""Alembic: the app's revisions run in a container of the app's own test image, never in this process."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tasks.config import Config, Migrations
from tasks.containers import Ended, postgres, private_network, run_command
from tasks.errors import ReleaseRefused
from tasks.migrations import trace
from tasks.migrations.history import History, Revision, recorded
from tasks.migrations.problem import problem
from tasks.models import Finding, Reason

PROBE = (Path(__file__).parent / "probe.py").read_bytes()
PLACE, RESULT = "/tmp/slipway-probe.py", "/tmp/slipway-probe.json"  # noqa: S108 - in the app's container


def run(config: Config, settings: Migrations, image: str) -> History:
    """Upgrades an empty scratch database to the commit's head and returns what was seen.

    A problem of the revisions is in the history's `problems`. Raises `ReleaseRefused` when the image cannot run
    Alembic at all.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        private_network("migrations") as network,
        postgres(network, config.postgres) as database,
    ):
        with psycopg.connect(database.host_url, autocommit=True) as connection:
            connection.execute(trace.INSTALL)
        result = Path(folder, "result.json")
        ended = run_command(
            image,
            f"python {PLACE} {settings.config} {RESULT}",
            network,
            name="migrations",
            timeout_seconds=settings.timeout,
            env={"DATABASE_URL": database.url},
            put={PLACE: PROBE},
            take={RESULT: result},
        )
        if not result.exists():
            raise _did_not_run(settings, ended)
        with psycopg.connect(database.host_url) as connection:
            rows = connection.execute(trace.READ_SNAPSHOTS).fetchall()
            events = connection.execute(trace.READ_EVENTS).fetchall()
        seen = json.loads(result.read_text())
        revisions = [Revision(**r) for r in seen["revisions"]]
        return recorded(revisions, rows, events, problems(seen, revisions, rows))


def problems(seen: dict, revisions: Sequence[Revision], rows: Sequence[Any]) -> list[Finding]:
    """What the probe says stands against running the revisions; a run that was cut off names where it was."""
    if told := seen["problem"]:
        steps = {
            "graph": ("missing_parent", "restore the revision that is missing, or correct down_revision"),
            "upgrade": (
                "upgrade_fails",
                "mend the revision; it was run on an empty PostgreSQL from the first revision on",
            ),
            "import": ("not_importable", "mend what cannot be imported; the check runs in the component's test image"),
        }
        rule, next_step = steps[told["kind"]]
        revision = told.get("revision") or (
            recorded(revisions, rows, [], []).unfinished() if rule == "upgrade_fails" else ""
        )
        return [problem(rule, told["what"], told["where"], next_step, revision)]
    heads = sorted(seen["heads"])
    if len(heads) > 1:
        join = f'join them: alembic merge -m "merge" {" ".join(heads)}'
        return [
            problem(
                "several_heads",
                f"there are {len(heads)} heads: {', '.join(heads)}",
                "the revisions' down_revision",
                join,
            )
        ]
    if not heads:
        return [
            problem(
                "no_revisions",
                "there are no revisions",
                "script_location of alembic.ini",
                "correct migrations.config in release.yaml",
            )
        ]
    return []


def _did_not_run(settings: Migrations, ended: Ended) -> ReleaseRefused:
    why = f"stopped after {settings.timeout:g} s" if ended.timed_out else f"ended with exit code {ended.exit_code}"
    lines = "\n".join(f"    {line}" for line in ended.tail)
    return ReleaseRefused(
        Reason(
            what=f"migrations: the check {why}\n{lines}",
            where=f"{settings.component}, target {settings.target}",
            next_step="the target must hold python, alembic, the app's models and its driver; or raise migrations.timeout",
        )
    )
