"""The verdict on a commit's migrations, from every place where customers stand."""

import logging
import time

from tasks.config import Config
from tasks.errors import ReleaseRefused
from tasks.migrations import alembic_tool, catalogue, sql_tool
from tasks.migrations.history import History, Revision
from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.rule import Rule
from tasks.models import Finding, Fleet, MigrationReport, Reason

log = logging.getLogger(__name__)


class MigrationsRefused(ReleaseRefused):
    """The migrations must not run as they are; `report` holds everything that was seen."""

    def __init__(self, *reasons: Reason | str, report: MigrationReport | None = None) -> None:
        super().__init__(*reasons)
        self.report = report


def check_migrations(config: Config, commit: str, fleet: Fleet, image: str | None) -> MigrationReport:
    """Runs the commit's revisions once, on a scratch PostgreSQL from nothing to the head, and judges each start.

    `image` is the component's test image, where Alembic runs; plain SQL needs none. Distinct starting points are judged once each. Raises
    `MigrationsRefused` with every reason: several heads, a missing parent, a failing upgrade, a customer at a
    revision that is gone, and what would break code that still runs, unless the revision accepts it by name.
    """
    start, settings = time.monotonic(), config.migrations
    if settings is None:
        return MigrationReport(head=None)
    history = alembic_tool.run(config, settings, image) if image else sql_tool.run(config, settings, commit)
    report = _report(history, fleet, time.monotonic() - start)
    reasons = [
        *history.problems,
        *_unseen(history),
        *_vanished(history, fleet),
        *(_reason(f) for f in report.findings if f.blocking),
    ]
    if reasons:
        raise MigrationsRefused(*reasons, report=report)
    log.info("migrations: head %s, %d findings", report.head, len(report.findings))
    return report


def _report(history: History, fleet: Fleet, seconds: float) -> MigrationReport:
    starts = tuple(sorted({c.head for c in fleet.customers}, key=lambda s: s or ""))
    found = (
        {(f.revision, f.rule, f.object): f for s in starts for f in _findings(history, s)}
        if not history.problems
        else {}
    )
    return MigrationReport(
        head=history.head,
        starts=starts,
        seconds=seconds,
        findings=tuple(found.values()),
        pending={s or "": tuple(r.id for r in history.pending(s)) for s in starts},
    )


def _findings(history: History, start: str | None) -> list[Finding]:
    """What pending revisions do to what was there at the start: code that runs there knows nothing newer."""
    there = history.after(start)
    findings = []
    for revision in history.pending(start):
        for change in catalogue.compare(history.before(revision.id), history.after(revision.id)):
            if _was_there(there, change):
                findings += [_finding(revision, rule, change) for rule in RULES if rule.found(change)]
    return findings


def _was_there(start: catalogue.Snapshot, change: catalogue.Change) -> bool:
    table = start.table(change.oid)
    return table is not None and (change.before is None or table.column(change.number) is not None)


def _finding(revision: Revision, rule: Rule, change: catalogue.Change) -> Finding:
    column = change.before or change.after
    accepted = revision.accepts.get(rule.name, "")
    return Finding(
        rule=rule.name,
        blocking=not accepted,
        revision=revision.id,
        object=f"{change.table}.{column.name}" if column else change.table,
        effect=rule.effect,
        next_step=rule.next_for(change),
        accepted_because=accepted,
    )


def _reason(finding: Finding) -> Reason:
    return Reason(
        what=f"migrations: {finding.rule}: {finding.object}: {finding.effect}",
        where=f"revision {finding.revision}",
        next_step=finding.next_step,
    )


def _unseen(history: History) -> list[Reason]:
    """Revisions whose end the database did not record: judging them would be a guess."""
    seen = {s.revision for s in history.snapshots}
    lost = [r.id for r in history.revisions if r.id not in seen]
    if history.problems or not lost:
        return []
    return [
        Reason(
            what=f"migrations: revision {', '.join(lost)} could not be watched",
            where="the version table",
            next_step="let Alembic keep its usual version table (one column, version_num)",
        )
    ]


def _vanished(history: History, fleet: Fleet) -> list[Reason]:
    known = {r.id for r in history.revisions}
    if not known:
        return []
    lost = {
        c.head: [o.name for o in fleet.customers if o.head == c.head]
        for c in fleet.customers
        if c.head and c.head not in known
    }
    return [
        Reason(
            what=f"migrations: {', '.join(names)} stand at revision {head}, which this commit does not have",
            where="the revisions of the commit",
            next_step=f"restore revision {head}; a revision that has run anywhere must stay as it is",
        )
        for head, names in lost.items()
    ]
