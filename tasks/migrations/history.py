"""What running the pending revisions from one starting point showed, revision by revision."""

from collections.abc import Sequence
from functools import cached_property
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
    """One thing that PostgreSQL said happened: a command or revision ended, a table was rewritten, objects dropped, rows changed."""

    number: int
    kind: Literal["command", "rewrite", "drop", "rows", "read", "end"]
    tag: str
    query: str | None
    objects: tuple[Touched, ...]
    locks: tuple[Lock, ...]
    scans: dict[str, int] = Field(description="oid -> sequential scans that the command itself made")
    changed: int = Field(default=0, description="rows that a statement changed")
    inner_query: str | None = Field(default=None, description="the statement of a function or DO block that did it")
    lock_timeout: str | None = None
    session: int
    transaction: str

    def scanned(self, table: Table) -> bool:
        """Whether the command read every row of the table."""
        return bool(self.scans.get(str(table.oid)))

    def modes(self, table: Table) -> set[str]:
        """The locks that the session held on the table when the command had ended."""
        return {lock.mode for lock in self.locks if lock.oid == table.oid}


class Refused(Value):
    """A table that takes rows of the old shape no more: the SQLSTATE, and what PostgreSQL said."""

    oid: int
    whole: bool = Field(description="with values for every column, not only for those that must be filled")
    code: str
    message: str
    constraint: str = ""


class Step(Value):
    """What a rule looks at: the pending revisions one by one, or all of them at once.

    `start` is what code that runs at the customer knows: whatever is not in it is new, and nobody waits for it or misses it.
    """

    revision: Revision
    start: Snapshot
    before: Snapshot
    after: Snapshot
    events: tuple[Event, ...]
    earlier: tuple[Event, ...] = Field(default=(), description="events of earlier revisions in the same transactions")
    refused: tuple[Refused, ...] = ()
    loops: frozenset[int] = Field(default=frozenset(), description="tables that are changed once they have rows")
    takes_rows: frozenset[int] = Field(
        default=frozenset(), description="tables that took rows of the old shape before and after"
    )

    @property
    def seconds(self) -> float:
        """From the end of the revision before to the end of this one."""
        return max(0.0, self.after.at - self.before.at)

    @cached_property
    def changes(self) -> list[Change]:
        """Differences of tables that were there at the start."""
        return [c for c in compare(self.before, self.after) if self.start.table(c.oid)]

    @property
    def old_tables(self) -> list[Table]:
        """The tables that were there at the start, as this step found them."""
        return [t for t in self.before.tables if self.start.table(t.oid)]

    def old(self, oid: int | None) -> Table | None:
        """A table that was there at the start, as this step found it; None for one that is new."""
        return self.before.table(oid) if self.start.table(oid) else None


class Run(Value):
    """The pending revisions of one starting point, the snapshot after each that ran, and what happened between."""

    start: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    revisions: tuple[Revision, ...] = ()
    snapshots: tuple[Snapshot, ...] = (Snapshot(),)
    events: tuple[Event, ...] = ()
    refused: tuple[Refused, ...] = ()
    takes_rows: frozenset[int] = frozenset()
    loops: dict[str, frozenset[int]] = Field(default={}, description="revision -> tables that it changes row by row")
    problems: tuple[Finding, ...] = ()

    @property
    def steps(self) -> list[Step]:
        """The revisions that ran, in order, with what each did."""
        known = {r.id: r for r in self.revisions}
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [self._step(known.get(b.revision) or Revision(id=b.revision), a, b) for a, b in pairs]

    @property
    def whole(self) -> Step | None:
        """All that ran as one step: what is made and taken back in between is nobody's business."""
        if not self.steps:
            return None
        last = self._step(self.steps[-1].revision, self.snapshots[0], self.snapshots[-1])
        return last.model_copy(update={"refused": self.refused, "takes_rows": self.takes_rows})

    def _step(self, revision: Revision, before: Snapshot, after: Snapshot) -> Step:
        events = tuple(e for e in self.events if before.number < e.number < after.number)
        own = {e.transaction for e in events}
        loops = self.loops.get(revision.id, frozenset())
        earlier = tuple(e for e in self.events if e.number < before.number and e.transaction in own)
        return Step(
            revision=revision,
            start=self.snapshots[0],
            before=before,
            after=after,
            events=events,
            earlier=earlier,
            loops=loops,
        )

    def unfinished(self) -> str:
        """The revision that was running when the run stopped; '' when all are done."""
        seen = {s.revision for s in self.snapshots}
        return next((r.id for r in self.revisions if r.id not in seen), "")


class History(Value):
    """The commit's revisions, the runs from each starting point, and what stands against releasing them at all."""

    revisions: tuple[Revision, ...] = Field(default=(), description="every revision up to the target, parents first")
    heads: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    problems: tuple[Finding, ...] = ()

    @property
    def head(self) -> str | None:
        """The last revision; None without any."""
        return self.revisions[-1].id if self.revisions else None

    def pending(self, start: Sequence[str]) -> tuple[Revision, ...]:
        """The revisions that a database at `start` still has to run, in order."""
        done = self.ancestors(start)
        return tuple(r for r in self.revisions if r.id not in done)

    def ancestors(self, start: Sequence[str]) -> set[str]:
        """These revisions and all before them."""
        parents, done, waiting = {r.id: r.parents for r in self.revisions}, set(), list(start)
        while waiting:
            current = waiting.pop()
            if current not in done:
                done.add(current)
                waiting += parents.get(current, ())
        return done


def recorded(start: Sequence[str], pending: Sequence[Revision], seen: Sequence[Any], events: Sequence[Any]) -> Run:
    """A run out of the rows that its scratch database kept."""
    names = (
        "number",
        "kind",
        "tag",
        "query",
        "objects",
        "locks",
        "scans",
        "changed",
        "inner_query",
        "lock_timeout",
        "session",
        "transaction",
    )
    return Run(
        start=tuple(start),
        revisions=tuple(pending),
        snapshots=tuple(snapshots(seen)),
        events=tuple(Event(**dict(zip(names, row, strict=True))) for row in events),
    )
