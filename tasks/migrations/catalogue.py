"""The schema as PostgreSQL's own catalogue states it after each revision, and what a revision changed in it."""

from collections.abc import Sequence
from typing import Any, Literal

from tasks.models import Value


class Column(Value):
    """One column; `filled` means that an INSERT may leave it out: default, identity or generated."""

    number: int
    name: str
    type: str
    required: bool
    filled: bool
    default: str | None = None
    identity: str = ""
    generated: str = ""


class Constraint(Value):
    """One constraint; `kind` is pg_constraint.contype: c check, f foreign key, p primary key, u unique, x exclusion."""

    oid: int
    name: str
    kind: str
    validated: bool
    definition: str


class Index(Value):
    """One index of a table."""

    oid: int
    name: str
    unique: bool
    valid: bool


class Table(Value):
    """One table; names outside the schema public carry their schema. `file` changes when it is rewritten."""

    oid: int
    name: str
    file: int = 0
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()

    def column(self, number: int) -> Column | None:
        """The column with this attnum."""
        return next((c for c in self.columns if c.number == number), None)


class Snapshot(Value):
    """Every table after one revision; revision '' is the empty database. `number` orders it among the events."""

    revision: str = ""
    number: int = 0
    at: float = 0.0
    tables: tuple[Table, ...] = ()

    def table(self, oid: int | None) -> Table | None:
        """The table with this oid."""
        return next((t for t in self.tables if t.oid == oid), None)


ChangeKind = Literal[
    "table dropped", "table renamed", "column dropped", "column renamed", "column added", "column changed"
]


class Change(Value):
    """One difference that a revision made to something that was there before it."""

    kind: ChangeKind
    revision: str
    oid: int
    table: str
    number: int = 0
    before: Column | None = None
    after: Column | None = None
    new_name: str = ""


def snapshots(rows: Sequence[Sequence[Any]]) -> list[Snapshot]:
    """Rows of `trace.READ_SNAPSHOTS` as values, the empty database first."""
    read = [
        Snapshot(number=n, revision=revision, tables=tuple(tables), at=at.timestamp())
        for n, revision, tables, at in rows
    ]
    return [Snapshot(), *read]


def compare(before: Snapshot, after: Snapshot) -> list[Change]:
    """What the revision `after` did to the tables of `before`; new tables are no change to anyone."""
    changes = []
    for table in before.tables:
        now, place = after.table(table.oid), {"revision": after.revision, "oid": table.oid, "table": table.name}
        if now is None:
            changes.append(Change(kind="table dropped", **place))
            continue
        if now.name != table.name:
            changes.append(Change(kind="table renamed", new_name=now.name, **place))
        changes += _columns(table, now, place)
    return changes


def _columns(table: Table, now: Table, place: dict[str, Any]) -> list[Change]:
    changes = []
    for column in table.columns:
        after = now.column(column.number)
        if after is None:
            changes.append(Change(kind="column dropped", number=column.number, before=column, **place))
            continue
        if after.name != column.name:
            changes.append(Change(kind="column renamed", number=column.number, before=column, after=after, **place))
        if after.model_copy(update={"name": column.name}) != column:
            changes.append(Change(kind="column changed", number=column.number, before=column, after=after, **place))
    added = [c for c in now.columns if table.column(c.number) is None]
    return changes + [Change(kind="column added", number=c.number, after=c, **place) for c in added]
