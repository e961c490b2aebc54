"""The gate: every check's verdict together, all reasons at once."""

from collections.abc import Sequence

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, SlipwayError, combine
from tasks.failpoints import reach
from tasks.models import (
    Changes,
    Compatibility,
    Evidence,
    Fleet,
    Gate,
    Image,
    MigrationReport,
    Overridden,
    Override,
    PendingMigration,
    Reason,
    Release,
    ReleaseRequest,
    Source,
    SuiteResult,
)
from tasks.settled import NotNeeded

Verdict = Image | SuiteResult | MigrationReport | Compatibility | str | Exception


def gate(verdicts: Sequence[Verdict], overrides: Sequence[Override] = ()) -> Evidence:
    """The evidence of a release that may go on. Raises all refusals as one when any check said no.

    A check that could not run because an earlier one failed adds no reason of its own, unless it is the only one. What an
    override lets pass refuses nothing and stays in the evidence with its reasons (`passed`). One that was cancelled had no say.
    """
    overridden = passed(verdicts, overrides)
    refusals = [v for v in verdicts if isinstance(v, SlipwayError) and refuses(v, overrides)]
    unforeseen = [v for v in verdicts if isinstance(v, Exception) and not isinstance(v, SlipwayError)]
    if refusals:
        raise combine(refusals)
    if unforeseen:
        raise combine([_unforeseen(e) for e in unforeseen])
    reach("gate:passed")
    return evidence(verdicts).model_copy(update={"overridden": overridden})


def refuses(verdict: Verdict, overrides: Sequence[Override]) -> bool:
    """Whether this verdict alone stops the release, whatever the others say."""
    if not isinstance(verdict, SlipwayError) or isinstance(verdict, NotNeeded):
        return False
    return gate_of(verdict) not in {o.gate for o in overrides}


def gate_of(error: SlipwayError) -> Gate | None:
    """The gate whose override lets this pass; None where no person may: what could not be judged has not said no.

    Tests that failed, migrations that run but harm code or traffic, a running release's smoke suite on the new schema. Not a
    build, an app that does not start, a migration that fails by itself, rows that are lost.
    """
    return getattr(error, "gate", None)


def passed(verdicts: Sequence[Verdict], overrides: Sequence[Override]) -> tuple[Overridden, ...]:
    """The overrides that were used: of a check only one that said no, of a time (freeze, soak) each."""
    told: list[Overridden] = []
    for override in overrides:
        failed = [v for v in verdicts if isinstance(v, SlipwayError) and gate_of(v) == override.gate]
        if failed or override.gate in ("freeze", "soak"):
            results = [getattr(v, "result", None) for v in failed]
            components = tuple(dict.fromkeys(r.component for r in results if r))
            reasons = tuple(reason for v in failed for reason in v.reasons)
            told.append(Overridden(override=override, reasons=reasons, components=components))
    return tuple(told)


def require_allowed(config: Config, request: ReleaseRequest) -> None:
    """Raises `ReleaseRefused` when the request passes a gate that policy lets nobody pass: forms and webhooks can ask for anything."""
    if unknown := sorted({o.gate for o in request.overrides} - set(config.policy.override)):
        raise ReleaseRefused.because(
            f"{', '.join(unknown)} may not be overridden",
            "the release's parameters",
            f"policy.override in release.yaml allows {', '.join(config.policy.override) or 'nothing'}",
        )


def evidence(verdicts: Sequence[Verdict]) -> Evidence:
    """What the checks that came to a result said, the failed suites' results among them."""
    failed = [getattr(v, "result", None) or getattr(v, "report", None) for v in verdicts if isinstance(v, SlipwayError)]
    values = [*verdicts, *failed]
    return Evidence(
        images=tuple(v for v in values if isinstance(v, Image)),
        suites=tuple(v for v in values if isinstance(v, SuiteResult)),
        migrations=next((v for v in values if isinstance(v, MigrationReport)), None),
        compatibility=tuple(v for v in values if isinstance(v, Compatibility)),
        cancelled=tuple(v.reasons[0].what for v in verdicts if isinstance(v, NotNeeded)),
    )


def make_release(source: Source, changes: Changes, evidence: Evidence, fleet: Fleet) -> Release:
    """The record of what passed: commit, images by digest, migration head. Made once, never changed.

    Without a migration check the head is the one of the release that the commit was compared with.
    """
    released = next((c.head for c in fleet.customers if c.release and c.release == changes.base), None)
    head = evidence.migrations.head if evidence.migrations else released
    report = evidence.migrations or MigrationReport(head=None)
    reach("release:made")
    return Release(
        commit=source.commit,
        subject=source.subject,
        images=evidence.images,
        head=head,
        contracts=tuple(revision for revision, phase in report.phases.items() if phase == "contract"),
        pending={start: tuple(_pending(report, r) for r in revisions) for start, revisions in report.pending.items()},
        overridden=evidence.overridden,
    )


def _pending(report: MigrationReport, revision: str) -> PendingMigration:
    return PendingMigration(
        revision=revision, phase=report.phases.get(revision, "none"), locks=report.locks.get(revision, ())
    )


def _unforeseen(error: Exception) -> SlipwayError:
    return SlipwayError(
        Reason(
            what=f"a step ended with {type(error).__name__}: {error}",
            where="this run's log",
            next_step="retry the run; if it happens again, report it with the log",
        )
    )
