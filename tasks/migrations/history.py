"""What running a commit's migrations from an empty database showed, revision by revision."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from tasks.migrations.catalogue import Change, Snapshot, Table, compare, snapshots
from tasks.models import Finding, Value


class Revision(Value):
    """One revision of the commit."""

    id: str
    parents: tuple[str, ...] = ()
    path: str = ""
    accepts: dict[str, str] = {}


class Touched(Value):
    """One object of an event; what is known of it depends on the event."""

    oid: int | None = None
    type: str = ""
    name: str = ""
    command: str = ""
    table: int | None = None
    reason: int = 0


class Lock(Value):
    """One lock that the session held on a table when the event was written."""

    oid: int
    mode: str


class Event(Value):
    """One thing that PostgreSQL said happened: a command's end, a table rewritten, objects dropped, rows changed."""

    number: int
    kind: Literal["command", "rewrite", "drop", "rows"]
    tag: str
    query: str | None
    objects: tuple[Touched, ...]
    locks: tuple[Lock, ...]
    scans: dict[str, int] = Field(description="oid -> sequential scans that the command itself made")
    session: int
    transaction: str


class Step(Value):
    """One pending revision as a rule sees it: what was there at the start, what it found, left, and did between."""

    revision: Revision
    start: Snapshot
    before: Snapshot
    after: Snapshot
    events: tuple[Event, ...]

    @property
    def seconds(self) -> float:
        """From the end of the revision before to the end of this one."""
        return max(0.0, self.after.at - self.before.at) if self.before.at else 0.0

    @property
    def changes(self) -> list[Change]:
        """Differences to what code that runs at the start can know."""
        return [c for c in compare(self.before, self.after) if self._was_there(c)]

    def _was_there(self, change: Change) -> bool:
        table = self.start.table(change.oid)
        return table is not None and (change.before is None or table.column(change.number) is not None)

    def old(self, oid: int | None) -> Table | None:
        """The table as it was at the start; None for one that is new in this release."""
        return self.start.table(oid)


class History(Value):
    """Revisions from the first to the head, the snapshot after each, and what stands against releasing them."""

    revisions: tuple[Revision, ...] = ()
    snapshots: tuple[Snapshot, ...] = (Snapshot(),)
    events: tuple[Event, ...] = ()
    problems: tuple[Finding, ...] = ()

    @property
    def head(self) -> str | None:
        """The last revision; None without any."""
        return self.revisions[-1].id if self.revisions else None

    def pending(self, start: str | None) -> tuple[Revision, ...]:
        """The revisions that a database at `start` still has to run, in order."""
        done = self._with_ancestors(start)
        return tuple(r for r in self.revisions if r.id not in done)

    def steps(self, start: str | None) -> list[Step]:
        """The pending revisions with what each did."""
        there = self._after(start)
        return [self._step(there, revision) for revision in self.pending(start)]

    def _step(self, there: Snapshot, revision: Revision) -> Step:
        ids = [s.revision for s in self.snapshots]
        place = ids.index(revision.id)
        before, after = self.snapshots[place - 1], self.snapshots[place]
        events = tuple(e for e in self.events if before.number < e.number < after.number)
        return Step(revision=revision, start=there, before=before, after=after, events=events)

    def _after(self, revision: str | None) -> Snapshot:
        return next((s for s in self.snapshots if s.revision == (revision or "")), Snapshot())

    def _with_ancestors(self, revision: str | None) -> set[str]:
        parents, done, waiting = {r.id: r.parents for r in self.revisions}, set(), [revision] if revision else []
        while waiting:
            current = waiting.pop()
            if current not in done:
                done.add(current)
                waiting += parents.get(current, ())
        return done


def recorded(
    revisions: Sequence[Revision], seen: Sequence[Any], events: Sequence[Any], problems: Sequence[Finding]
) -> History:
    """A history out of the rows that the scratch database kept."""
    names = ("number", "kind", "tag", "query", "objects", "locks", "scans", "session", "transaction")
    return History(
        revisions=tuple(revisions),
        snapshots=tuple(snapshots(seen)),
        problems=tuple(problems),
        events=tuple(Event(**dict(zip(names, row, strict=True))) for row in events),
    )
