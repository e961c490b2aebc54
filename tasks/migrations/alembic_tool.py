"""Alembic: the app's revisions run in a container of the app's own test image, never in this process."""

import json
import tempfile
from pathlib import Path

import psycopg

from tasks.config import Config, Migrations
from tasks.containers import Ended, postgres, private_network, run_command
from tasks.errors import ReleaseRefused
from tasks.migrations import catalogue
from tasks.migrations.history import History, Revision
from tasks.models import Reason

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
            connection.execute(catalogue.INSTALL)
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
            rows = connection.execute(catalogue.READ).fetchall()
        return _history(json.loads(result.read_text()), rows)


def _history(seen: dict, rows: list) -> History:
    revisions = tuple(Revision(**r) for r in seen["revisions"])
    return History(revisions=revisions, snapshots=tuple(catalogue.snapshots(rows)), problems=tuple(_problems(seen)))


def _problems(seen: dict) -> list[Reason]:
    if problem := seen["problem"]:
        steps = {
            "graph": "restore the revision that is missing, or correct down_revision",
            "upgrade": "mend the revision; it was run on an empty PostgreSQL from the first revision on",
            "import": "mend what cannot be imported; the check runs in the component's test image",
        }
        revision = f"revision {problem['revision']}: " if problem.get("revision") else ""
        return [
            Reason(
                what=f"migrations: {revision}{problem['what']}",
                where=problem["where"],
                next_step=steps[problem["kind"]],
            )
        ]
    if len(seen["heads"]) > 1:
        heads = ", ".join(sorted(seen["heads"]))
        return [
            Reason(
                what=f"migrations: there are {len(seen['heads'])} heads: {heads}",
                where="the revisions' down_revision",
                next_step=f'join them: alembic merge -m "merge" {" ".join(sorted(seen["heads"]))}',
            )
        ]
    if not seen["heads"]:
        return [
            Reason(
                what="migrations: there are no revisions",
                where="script_location of alembic.ini",
                next_step="correct migrations.config in release.yaml",
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
