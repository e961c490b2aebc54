"""What is said of a release and of the night: as one line beside the commit, and as a message."""

from collections.abc import Mapping, Sequence

from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.models import Evidence, Outcome, Override, Release, ReleaseReport, ReleaseRequest, RingPlan
from tasks.notify.inert import inert
from tasks.notify.message import Message

SEEN = ("promoted", "unchanged")
RETRY = "Retry on the run's page does what is not done yet"


def overridden(overrides: Sequence[Override]) -> str:
    """The gates that people let a release pass, as the end of a line; empty without."""
    return f"; overridden: {', '.join(f'{o.gate} by {o.by}' for o in overrides)}" if overrides else ""


def failed_checks(evidence: Evidence) -> str:
    """What the gate refused, counted: `2 tests of api unit failed`; empty when no check came to a result that says so."""
    said = [f"{_count(len(s.failed), 'test')} of {s.component} {s.suite} failed" for s in evidence.suites if s.failed]
    findings = [f for f in evidence.migrations.findings if f.blocking] if evidence.migrations else []
    said += [f"{_count(len(findings), 'finding')} in the migrations"] if findings else []
    return ", ".join([*said, evidence.forgiven] if said and evidence.forgiven else said)


def waiting(ring: RingPlan) -> str:
    """The line while a person is asked."""
    return f"waiting for approval of ring {ring.name}"


def ring_seen(ring: str, outcomes: Sequence[Outcome]) -> str:
    """The line once a ring has moved: `ring canary: 1 of 1 seen`."""
    there = [o for o in outcomes if o.ring == ring]
    return f"ring {ring}: {sum(o.outcome in SEEN for o in there)} of {len(there)} seen"


def everybody(report: ReleaseReport) -> str:
    """The line of a release that is through: `10 of 10 customers run it`; who is held back is named."""
    there = sum(o.outcome in SEEN for o in report.outcomes)
    others = [f"{o.customer} {o.outcome}" for o in report.outcomes if o.outcome not in SEEN]
    said = f"{there} of {len(report.outcomes)} customers run it" + (f" ({', '.join(others)})" if others else "")
    return f"{said}; {report.forgiven}" if report.forgiven else said


def problem(error: BaseException | None, state: str, said: str) -> str:
    """The line of a release that is not through: `refused: 2 tests of api unit failed`, `crashed: ...`, `cancelled`.

    `state` is the run's end in one word, `said` what is known where there is no error.
    """
    if isinstance(error, SlipwayError):
        first, more = error.reasons[0].what.split("\n")[0], len(error.reasons) - 1
        word = "refused" if isinstance(error, ReleaseRefused) else state
        return f"{word}: {error.headline or first + (f' (and {more} more)' if more else '')}"
    return f"{state}: {said}" if said else state


def approval_wanted(
    app: str,
    release: Release,
    ring: RingPlan,
    overrides: Sequence[Override],
    run: str,
    url: str,
    links: Mapping[str, str],
) -> Message:
    """Asks for an answer."""
    names = ", ".join(ring.moving[:10]) + (f" and {len(ring.moving) - 10} more" if len(ring.moving) > 10 else "")
    return Message(
        event="approval",
        good=True,
        what=f"{app}: release {release.commit[:7]} waits for approval of ring {ring.name}",
        subject=release.subject,
        facts=(
            f"moves {_count(len(ring.moving), 'customer')}: {names}",
            f"plan {ring.hash}",
            *(f"overridden: {o}" for o in overrides),
        ),
        next_step="read the plan on the run's page, then answer there or by the command",
        command=f"slipway approve {run}",
        links=dict(links),
        url=url,
    )


def done(app: str, request: ReleaseRequest, line: str, subject: str, url: str) -> Message:
    """Tells that a release is through; `line` is of `everybody`."""
    return Message(
        event="done",
        good=True,
        what=f"{app}: release {request.commit[:7]} is done",
        subject=subject,
        facts=(line, *(f"overridden: {o}" for o in request.overrides)),
        command="slipway status",
        url=url,
    )


def begins_again(attempt: int, attempts: int) -> str:
    """What to do about a crash that the server's automation answers by itself; empty after the last attempt."""
    if not 0 < attempt < attempts:
        return ""
    return f"nothing yet: it begins again by itself in a minute or two, attempt {attempt + 1} of {attempts}; if not, {RETRY}"


def failed(
    app: str,
    request: ReleaseRequest | None,
    subject: str,
    error: BaseException | None,
    line: str,
    url: str,
    next_step: str = "",
) -> Message:
    """Tells that a release, or without a request the night, ended badly; `line` is of `problem`.

    `next_step` stands where it is given, whatever the error advises.
    """
    what = f"release {request.commit[:7]}" if request else "the nightly run"
    reasons = error.reasons if isinstance(error, SlipwayError) else ()
    facts = tuple(reason.what.split("\n")[0] for reason in reasons) or (line,)
    refused_by_checks = bool(isinstance(error, SlipwayError) and error.headline)
    steps = [r.next_step for r in reasons if r.next_step]
    return Message(
        event="failed" if request else "nightly",
        good=False,
        what=f"{app}: {what} {line if len(line) < 80 else line.partition(':')[0]}",
        subject=subject,
        facts=facts,
        next_step=next_step or (steps[0] if steps and not isinstance(error, ServiceUnavailable) else RETRY),
        command="slipway release" if refused_by_checks else "",
        url=url,
    )


def night(app: str, good: bool, facts: Sequence[str], next_step: str, url: str) -> Message:
    """Tells how the night went, green or red."""
    return Message(
        event="nightly",
        good=good,
        what=f"{app}: the nightly run {'found nothing' if good else 'found something to look at'}",
        facts=tuple(facts),
        next_step=next_step,
        command="slipway status",
        url=url,
    )


def status_line(text: str, overrides: Sequence[Override] = ()) -> str:
    """What stands beside the commit, in 140 characters: the end of a long text goes, the overrides stay."""
    end = inert(overridden(overrides), 70)
    return inert(text, 140 - len(end)) + end


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
