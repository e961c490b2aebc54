"""The verdict of a release on a commit's migrations, from every place where customers stand."""

import logging
import time
from collections.abc import Mapping

from tasks.config import Config
from tasks.errors import ReleaseRefused
from tasks.migrations import alembic_tool, sql_tool
from tasks.migrations.judge import Standing, judge
from tasks.models import Finding, Fleet, MigrationReport, Reason

log = logging.getLogger(__name__)


class MigrationsRefused(ReleaseRefused):
    """The migrations must not run as they are; `report` holds everything that was seen."""

    def __init__(self, *reasons: Reason | str, report: MigrationReport | None = None) -> None:
        super().__init__(*reasons)
        self.report = report


def check_migrations(config: Config, commit: str, fleet: Fleet, image: str | None) -> MigrationReport:
    """Runs the commit's revisions once, on a scratch PostgreSQL from nothing to the head, and judges each start.

    `image` is the component's test image, where Alembic runs; plain SQL needs none. Raises `MigrationsRefused` with
    every reason: several heads, a missing parent, a failing upgrade, a customer at a revision that is gone, and what
    would break code that still runs or stop traffic, unless the revision accepts it by name.
    """
    start, settings = time.monotonic(), config.migrations
    if settings is None:
        return MigrationReport(head=None)
    history = alembic_tool.run(config, settings, image) if image else sql_tool.run(config, settings, commit)
    standings = [Standing(customer=c.name, revision=c.head) for c in fleet.customers]
    report = _accepted(judge(history, standings, time.monotonic() - start), settings.accept)
    if reasons := [reason(f) for f in report.findings if f.blocking]:
        raise MigrationsRefused(*reasons, report=report)
    log.info("migrations: head %s, %d findings", report.head, len(report.findings))
    return report


def _accepted(report: MigrationReport, accept: Mapping[str, str]) -> MigrationReport:
    """The report with what release.yaml accepts: 'revision rule object' -> reason, one finding at a time."""
    findings = tuple(
        f.model_copy(update={"blocking": False, "accepted_because": why})
        if (why := accept.get(f"{f.revision} {f.rule} {f.object}"))
        else f
        for f in report.findings
    )
    return report.model_copy(update={"findings": findings})


def reason(finding: Finding) -> Reason:
    """A finding in the form of every refusal."""
    what = f"{finding.rule}: {finding.object}: {finding.effect}" if finding.object else finding.effect
    place = f"revision {finding.revision}" if finding.revision else ""
    return Reason(
        what=f"migrations: {what}",
        where="; ".join(p for p in (place, finding.evidence) if p),
        next_step=finding.next_step,
    )
