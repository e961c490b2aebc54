"""The verdict on a commit's migrations, from every place where customers stand."""

import logging
import time

from tasks.config import Config
from tasks.errors import ReleaseRefused
from tasks.migrations import alembic_tool, sql_tool
from tasks.migrations.history import History
from tasks.migrations.problem import problem
from tasks.migrations.rules.every import RULES
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
    reasons = [_reason(f) for f in report.findings if f.blocking]
    if reasons:
        raise MigrationsRefused(*reasons, report=report)
    log.info("migrations: head %s, %d findings", report.head, len(report.findings))
    return report


def _report(history: History, fleet: Fleet, seconds: float) -> MigrationReport:
    starts = tuple(sorted({c.head for c in fleet.customers}, key=lambda s: s or ""))
    problems = [*history.problems, *_unseen(history)]
    judged = [] if problems else [f for s in starts for f in _findings(history, s)]
    found = {(f.revision, f.rule, f.object): f for f in [*problems, *_vanished(history, fleet), *judged]}
    return MigrationReport(
        head=history.head,
        starts=starts,
        seconds=seconds,
        findings=tuple(found.values()),
        pending={s or "": tuple(r.id for r in history.pending(s)) for s in starts},
    )


def _findings(history: History, start: str | None) -> list[Finding]:
    """What pending revisions do to what was there at the start: code that runs there knows nothing newer."""
    return [f for step in history.steps(start) for rule in RULES for f in rule.findings(step)]


def _reason(finding: Finding) -> Reason:
    what = f"{finding.rule}: {finding.object}: {finding.effect}" if finding.object else finding.effect
    place = f"revision {finding.revision}" if finding.revision else ""
    where = ", ".join(p for p in (place, finding.evidence) if p)
    return Reason(what=f"migrations: {what}", where=where, next_step=finding.next_step)


def _unseen(history: History) -> list[Finding]:
    """Revisions whose end the database did not record: judging them would be a guess."""
    seen = {s.revision for s in history.snapshots}
    lost = [r.id for r in history.revisions if r.id not in seen]
    if history.problems or not lost:
        return []
    return [
        problem(
            "not_watched",
            f"revision {', '.join(lost)} could not be watched",
            "",
            "let Alembic keep its usual version table (one column, version_num)",
        )
    ]


def _vanished(history: History, fleet: Fleet) -> list[Finding]:
    known = {r.id for r in history.revisions}
    heads = {c.head for c in fleet.customers if c.head and c.head not in known} if known else set()
    at = {h: ", ".join(c.name for c in fleet.customers if c.head == h) for h in heads}
    return [
        problem(
            "revision_vanished",
            f"{at[head]} stand at revision {head}, which this commit does not have",
            "",
            f"restore revision {head}; a revision that has run anywhere must stay as it is",
        )
        for head in sorted(heads)
    ]
