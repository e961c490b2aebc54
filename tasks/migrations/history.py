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
    """One pending revision as a rule sees it: what it found, what it left, and what it did between.

    What was there for code that runs at the start is told by who made it, not by order: with merged branches a
    pending revision may have run before the start's own.
    """

    revision: Revision
    before: Snapshot
    after: Snapshot
    events: tuple[Event, ...]
    pending: frozenset[str]
    makers: dict[str, str] = Field(description="'oid' or 'oid:attnum' -> the revision that made the table or column")

    @property
    def seconds(self) -> float:
        """From the end of the revision before to the end of this one."""
        return max(0.0, self.after.at - self.before.at) if self.before.at else 0.0

    @property
    def changes(self) -> list[Change]:
        """Differences to what code that runs at the start can know.

        A column that this release adds is new to that code however often it is changed: each state of it counts as added.
        """
        found = []
        for change in compare(self.before, self.after):
            new = bool(change.before) and self._is_new(f"{change.oid}:{change.number}")
            if self._is_new(str(change.oid)) or (new and change.kind != "column changed"):
                continue
            found.append(change.model_copy(update={"kind": "column added", "before": None}) if new else change)
        return found

    @property
    def old_tables(self) -> list[Table]:
        """The tables that were there before the release, as this revision found them."""
        return [t for t in self.before.tables if not self._is_new(str(t.oid))]

    def old(self, oid: int | None) -> Table | None:
        """The table as the revision found it; None for one that is new in this release."""
        return next((t for t in self.old_tables if t.oid == oid), None)

    def _is_new(self, key: str) -> bool:
        return self.makers.get(key) in self.pending


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
        """The pending revisions that ran, with what each did."""
        pending, makers, ids = self.pending(start), self._makers(), [s.revision for s in self.snapshots]
        names = frozenset(r.id for r in pending)
        return [self._step(r, ids.index(r.id), names, makers) for r in pending if r.id in ids]

    def _step(self, revision: Revision, place: int, pending: frozenset[str], makers: dict[str, str]) -> Step:
        before, after = self.snapshots[place - 1], self.snapshots[place]
        events = tuple(e for e in self.events if before.number < e.number < after.number)
        return Step(revision=revision, before=before, after=after, events=events, pending=pending, makers=makers)

    def _makers(self) -> dict[str, str]:
        made: dict[str, str] = {}
        for snapshot in self.snapshots:
            for table in snapshot.tables:
                made.setdefault(str(table.oid), snapshot.revision)
                for column in table.columns:
                    made.setdefault(f"{table.oid}:{column.number}", snapshot.revision)
        return made

    def unfinished(self) -> str:
        """The revision that was running when a run stopped: its parents are done, it is not."""
        seen = {s.revision for s in self.snapshots}
        return next((r.id for r in self.revisions if r.id not in seen and seen.issuperset(r.parents)), "")

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
