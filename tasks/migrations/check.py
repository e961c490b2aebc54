"""The verdict of a release on a commit's migrations, from every place where customers stand."""

import logging
import time
from collections.abc import Mapping, Sequence

from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.containers import conversing, postgres, private_network
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.migrations import alembic_tool, deployed, image_command, running_code, sql_tool, statistics
from tasks.migrations.bases import Session
from tasks.migrations.history import History
from tasks.migrations.judge import Standing, judge, vanished
from tasks.migrations.prober import PLACE, Conversation, packed
from tasks.migrations.scratch import Server
from tasks.models import Customer, Finding, Fleet, Gate, MigrationReport, Reason

log = logging.getLogger(__name__)


class MigrationsRefused(ReleaseRefused):
    """The migrations must not run as they are; `report` holds everything that was seen."""

    def __init__(self, *reasons: Reason | str, report: MigrationReport | None = None) -> None:
        super().__init__(*reasons)
        self.report = report

    @property
    def gate(self) -> Gate | None:
        """The gate whose override lets it pass. Nothing does while the graph is wrong: there is no way to the new schema."""
        blocking = [f for f in self.report.findings if f.blocking] if self.report else []
        return "migrations" if blocking and all(f.family != "graph" for f in blocking) else None


def check_migrations(config: Config, commit: str, fleet: Fleet, image: str | None) -> MigrationReport:
    """Runs what each customer still has to run on a scratch PostgreSQL that stands where the customer does, and judges it.

    `image` is the component's test image, where Alembic runs; plain SQL needs none. Raises `MigrationsRefused` with
    every reason: several heads, a missing parent, a failing upgrade, a customer at a revision that is gone, a revision
    that was edited after it had run, and what would break code that still runs or stop traffic, unless the revision
    accepts it by name.
    """
    start, settings = time.monotonic(), config.migrations
    if settings is None:
        return MigrationReport(head=None)
    standings = [standing(c, settings) for c in fleet.customers]
    history = _recorded(config, settings, commit, image, standings)
    report = judge(history, standings)
    if settings.metadata and any(f.blocking and f.family == "compatibility" for f in report.findings):
        standings = running_code.read(config, settings, fleet, standings)
        report = judge(history, standings)
    report = _accepted(report, settings.accept).model_copy(update={"seconds": time.monotonic() - start})
    if reasons := [reason(f) for f in report.findings if f.blocking]:
        raise MigrationsRefused(*reasons, report=report)
    reach("migrations:checked")
    log.info("migrations: head %s, %d findings", report.head, len(report.findings))
    return report


def standing(customer: Customer, settings: Migrations) -> Standing:
    """Where a customer is, as its state file says; a held one says until when."""
    hold, release = customer.hold, (customer.release or "")[:7]
    place = settings.statistics.get(customer.name) or settings.statistics.get("*")
    rows, sizes = statistics.read(place) if place else ({}, {})
    until = f" until {hold.until}" if hold and hold.until else ""
    return Standing(
        customer=customer.name,
        heads=(customer.head,) if customer.head else (),
        source=customer.release,
        digest=deployed_here.digest if (deployed_here := customer.components.get(settings.component)) else "",
        rows=dict(rows),
        sizes=dict(sizes),
        note=f"held at {release}{until}" if hold else f"at {release}" if release else "",
    )


def _recorded(
    config: Config, settings: Migrations, commit: str, image: str | None, standings: Sequence[Standing]
) -> History:
    if image is None:
        return sql_tool.run(config, settings, commit, standings)
    if settings.tool == "command":
        return image_command.recorded(config, settings, image, standings)
    with (
        private_network("migrations") as network,
        conversing(
            image, ["python", PLACE], network, name="migrations", env=config.env_of_migrations, put={PLACE: packed()}
        ) as channel,
    ):
        probe = Conversation(channel, f"{settings.component}, target {settings.target or 'last'}")
        probe.tell(do="look", config=settings.config, target="head")  # imports the app while the server starts
        looked = probe.hear()
        history = alembic_tool.revisions(looked, "head")
        if history.problems or not any(history.pending(s.heads) for s in standings):
            return history.model_copy(update={"problems": (*history.problems, *vanished(history, standings))})
        with postgres(network, config.postgres) as database:
            scratch = Server(database.host_url, preamble=settings.preamble, inside_url=database.url)
            try:
                session = Session(probe.ask, scratch, settings.config, looked, history, settings.timeout)
                history = alembic_tool.run(session, standings)
            finally:
                scratch.close()
    mirror = Mirror.holding(config.app.repository, config.app.branch, commit)
    files = deployed.of_commits(mirror, config.components[settings.component].path)
    return history.model_copy(
        update={"problems": (*history.problems, *deployed.compare(history, standings, files(commit), files))}
    )


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
