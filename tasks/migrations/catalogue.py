"""Everything that a database holds at one moment, and what differs between two moments."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from tasks.models import Value


class Column(Value):
    """One column; `filled` says that an INSERT may leave it out: default, identity or generated."""

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
    columns: tuple[int, ...]
    definition: str


class Index(Value):
    """One index of a table; `kind` I is the index of a partitioned table, which holds nothing itself."""

    oid: int
    name: str
    unique: bool
    valid: bool
    kind: str
    file: int
    columns: tuple[int, ...] | None = ()
    condition: str | None = None


class Trigger(Value):
    """One trigger that the app made."""

    oid: int
    name: str
    active: bool
    definition: str


class Policy(Value):
    """One row security policy."""

    oid: int
    name: str
    permissive: bool
    command: str
    condition: str | None = None
    writes: str | None = None
    roles: tuple[str, ...] | None = ()


class Table(Value):
    """A table, view or materialized view; `kind` is pg_class.relkind. Names outside public carry their schema.

    `file` changes when its rows are written anew; `secured` is row security; `parent` is what it is a partition of.
    """

    oid: int
    name: str
    kind: Literal["r", "p", "v", "m", "f"]
    file: int
    secured: bool
    grants: tuple[str, ...]
    reads: tuple[int, ...] = Field(description="a view's tables and views, by oid")
    writable: bool = Field(description="INSERT, UPDATE and DELETE go through, by nature or by INSTEAD OF triggers")
    instead: tuple[str, ...] = Field(description="rules that do something else than what was asked for")
    parent: int | None = None
    definition: str | None = None
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    policies: tuple[Policy, ...]

    @property
    def is_view(self) -> bool:
        """Whether it shows rows of others."""
        return self.kind in "vm"

    def column(self, number: int) -> Column | None:
        """The column with this attnum."""
        return next((c for c in self.columns if c.number == number), None)

    def named(self, name: str) -> Column | None:
        """The column with this name."""
        return next((c for c in self.columns if c.name == name), None)

    def names(self, numbers: Sequence[int] | None) -> tuple[str, ...]:
        """The names of these columns, in their order."""
        return tuple(c.name for n in numbers or () if (c := self.column(n)))


class Object(Value):
    """Another thing with a name; `labels` are an enum's values or a function's argument types."""

    oid: int
    kind: str
    name: str
    arguments: str | None = None
    result: str | None = None
    needed: int = 0
    labels: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name, a function's with its arguments."""
        return f"{self.name}({self.arguments})" if self.arguments is not None else self.name


class Snapshot(Value):
    """What there was after one revision; revision '' is where a customer stands. `number` orders it among the events."""

    revision: str = ""
    number: int = 0
    at: float = Field(default=0.0, description="seconds since 1970")
    tables: tuple[Table, ...] = ()
    objects: tuple[Object, ...] = ()

    @cached_property
    def by_oid(self) -> dict[int, Table]:
        """Tables by oid."""
        return {t.oid: t for t in self.tables}

    @cached_property
    def by_name(self) -> dict[str, Table]:
        """Tables by name."""
        return {t.name: t for t in self.tables}

    def table(self, oid: int | None) -> Table | None:
        """The table with this oid."""
        return self.by_oid.get(oid or 0)


class Change(Value):
    """One difference of a table or column that was there before; `after` is None for what is gone."""

    kind: Literal[
        "table dropped", "table renamed", "column dropped", "column renamed", "column added", "column changed"
    ]
    oid: int
    table: str
    number: int = 0
    before: Column | None = None
    after: Column | None = None
    new_name: str = ""


def snapshots(rows: Sequence[Sequence[Any]]) -> list[Snapshot]:
    """Rows of `trace.READ_SNAPSHOTS`, each what differs from the one before, as values that share what stayed the same."""
    present: dict[str, Table | Object] = {}
    taken = []
    for number, revision, at, differences in rows:
        for what, value in differences.items():
            if value is None:
                present.pop(what, None)
            else:
                present[what] = Table(**value) if what.startswith("table ") else Object(**value)
        tables = tuple(t for t in present.values() if isinstance(t, Table))
        objects = tuple(o for o in present.values() if isinstance(o, Object))
        taken.append(
            Snapshot.model_construct(
                number=number, revision=revision, at=at.timestamp(), tables=tables, objects=objects
            )
        )
    return taken


def compare(before: Snapshot, after: Snapshot) -> list[Change]:
    """What became of the tables of `before`; new tables are no change to anyone.

    A view is known by its name: PostgreSQL makes it anew for most changes.
    """
    changes: list[Change] = []
    for table in before.tables:
        now = after.by_name.get(table.name) if table.is_view else after.table(table.oid)
        now = now or after.table(table.oid)
        if now is None:
            changes.append(Change(kind="table dropped", oid=table.oid, table=table.name))
            continue
        if now.name != table.name:
            changes.append(Change(kind="table renamed", oid=table.oid, table=table.name, new_name=now.name))
        changes += _view_columns(table, now) if table.is_view else _columns(table, now)
    return changes


def _columns(table: Table, now: Table) -> list[Change]:
    place: dict[str, Any] = {"oid": table.oid, "table": table.name}
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


def _view_columns(view: Table, now: Table) -> list[Change]:
    changes = []
    for column in view.columns:
        place: dict[str, Any] = {"oid": view.oid, "table": view.name, "number": column.number, "before": column}
        after = now.named(column.name)
        if after is None:
            changes.append(Change(kind="column dropped", **place))
        elif after.type != column.type:
            changes.append(Change(kind="column changed", after=after, **place))
    return changes
