"""Releases as a timeline, and one customer's history: what the GitOps branch tells, in the words of people."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from deployments.dashboard.sight import Seen
from tasks.gitops.history import Event
from tasks.models import CommitId, Value

NAMED = 12


class Stop(Value):
    """One commit by which customers got the release. `after` is seconds since the app's commit, None when not known."""

    ring: str
    when: int
    timed: bool
    after: int | None
    customers: tuple[str, ...]
    approved_by: str
    overrides: tuple[str, ...]
    run: str
    gitops: CommitId


class Back(Value):
    """One commit by which customers were put back from the release."""

    when: int
    by: str
    reason: str
    customers: tuple[str, ...]
    to: tuple[CommitId, ...]
    gitops: CommitId


class Released(Value):
    """One release: its ways to customers and back."""

    commit: CommitId
    subject: str
    committed: int | None
    stops: tuple[Stop, ...]
    backs: tuple[Back, ...] = ()
    running: int = Field(description="how many customers run it now")

    @property
    def reached(self) -> int:
        """How many customers ever got it."""
        return len({c for s in self.stops for c in s.customers})

    @property
    def runs(self) -> tuple[str, ...]:
        """The Prefect runs that wrote it, in order."""
        return tuple(dict.fromkeys(s.run for s in self.stops if s.run))


class Happened(Value):
    """One line of a customer's history."""

    what: str
    kind: str
    when: int
    timed: bool
    release: CommitId | None
    before: CommitId | None
    by: str
    reason: str
    ring: str
    gitops: CommitId


def make_releases(seen: Seen) -> tuple[Released, ...]:
    """Every release of the history, newest first."""
    events = seen.history.events if seen.history else ()
    given: dict[CommitId, list[Event]] = {}
    taken: dict[CommitId, list[Event]] = {}
    for event in events:
        for commit in dict.fromkeys(_given(event)):
            given.setdefault(commit, []).append(event)
        for commit in dict.fromkeys(_taken(event)):
            taken.setdefault(commit, []).append(event)
    running = Counter(c.release for c in (seen.fleet.customers if seen.fleet else ()))
    made = [_released(seen, c, e, taken.get(c, []), running[c]) for c, e in given.items()]
    return tuple(made[::-1])


def customer_history(seen: Seen, name: str) -> tuple[Happened, ...]:
    """What happened to one customer, newest first."""
    events = seen.history.events if seen.history else ()
    found = []
    for event in reversed(events):
        for change in event.changes:
            if change.customer == name:
                moved = change.moved
                found.append(
                    Happened(
                        what=_said(event, moved, bool(change.after.release)),
                        kind=event.kind,
                        when=event.when,
                        timed=event.timed,
                        release=change.after.release if moved else None,
                        before=change.before.release if moved else None,
                        by=event.by,
                        reason=change.after.hold.reason if change.after.hold else event.reason,
                        ring=event.ring,
                        gitops=event.commit,
                    )
                )
    return tuple(found)


def _given(event: Event) -> list[CommitId]:
    return [c.after.release for c in event.moves if c.after.release] if event.kind == "release" else []


def _taken(event: Event) -> list[CommitId]:
    return [c.before.release for c in event.moves if c.before.release] if event.kind == "rollback" else []


def _released(seen: Seen, commit: CommitId, given: Sequence[Event], taken: Sequence[Event], running: int) -> Released:
    made = seen.main.made(commit)
    committed = next((e.committed for e in given if e.committed), made.when if made else None)
    return Released(
        commit=commit,
        subject=made.subject if made else next((e.subject for e in given if e.subject), ""),
        committed=committed,
        stops=tuple(_stop(e, commit, committed) for e in given),
        backs=tuple(_back(e, commit) for e in taken),
        running=running,
    )


def _stop(event: Event, commit: CommitId, committed: int | None) -> Stop:
    return Stop(
        ring=event.ring,
        when=event.when,
        timed=event.timed,
        after=max(0, event.when - committed) if committed and event.timed else None,
        customers=tuple(c.customer for c in event.moves if c.after.release == commit),
        approved_by=event.by,
        overrides=event.overrides,
        run=event.run,
        gitops=event.commit,
    )


def _back(event: Event, commit: CommitId) -> Back:
    moves = [c for c in event.moves if c.before.release == commit]
    return Back(
        when=event.when,
        by=event.by,
        reason=event.reason,
        customers=tuple(c.customer for c in moves),
        to=tuple(sorted({c.after.release for c in moves if c.after.release})),
        gitops=event.commit,
    )


def _said(event: Event, moved: bool, has_release: bool) -> str:
    if not moved:
        return {"hold": "held", "let go": "let go"}.get(event.kind, "state file changed")
    if not has_release:
        return "state file removed or broken"
    return {"release": "released", "rollback": "put back"}.get(event.kind, "state file restored")
