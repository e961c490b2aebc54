"""What a rule is: words for people, examples that are run as tests, and a question about what PostgreSQL recorded."""

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import ConfigDict

from tasks.migrations.catalogue import Change, Table
from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.models import Value


class Hit(Value):
    """One place where a rule applies: the developer's own names, and what PostgreSQL said."""

    table: str
    column: str = ""
    new: str = ""
    evidence: str = ""
    oid: int = 0
    sized_by: str = ""  # the table whose rows say how long it takes, if it is another one

    @classmethod
    def of(cls, change: Change, evidence: str = "") -> "Hit":
        """The names of a catalogue change."""
        column = change.before or change.after
        new = change.new_name or (change.after.name if change.after else "")
        name = column.name if column else ""
        return cls(table=change.table, column=name, new=new, evidence=evidence or change.kind, oid=change.oid)

    @classmethod
    def on(cls, table: Table, evidence: str, new: str = "") -> "Hit":
        """Something about a whole table."""
        return cls(table=table.name, evidence=evidence, new=new, oid=table.oid)

    @property
    def object(self) -> str:
        """What the hit is about: a table, or a column as table.column."""
        return f"{self.table}.{self.column}" if self.column else self.table


def maps(hit: Hit, code: Code) -> bool:
    """Code is harmed that maps the table, and the column if the hit names one."""
    return code.maps(hit.table, hit.column)


def maps_table(hit: Hit, code: Code) -> bool:
    """Code is harmed that writes to the table, whether it knows the column or not."""
    return code.maps(hit.table)


def cannot_tell(hit: Hit, code: Code) -> bool:
    """Metadata says nothing about it: it may be in use."""
    return True


class Rule(Value):
    """Compatibility rules look at all pending revisions at once: what is taken back before the end harms no running
    code. Lock rules look at each revision: nobody gets back the time they waited.

    A rule that does not block tells what a person should look at: whether it harms depends on what cannot be seen.
    `bad` and `good` are SQL on the tables of `rules/example.py`, `;;` ends a transaction; `{table}`, `{column}` and
    `{new}` stand for the developer's names in `next_step`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    family: Literal["compatibility", "locks", "graph"]
    condition: str
    effect: str
    next_step: str
    bad: str
    good: str
    find: Callable[[Step], Iterable[Hit]]
    harms: Callable[[Hit, Code], bool] = maps
    blocks: Literal["yes", "known code", "no"] = "yes"  # known code: only when its metadata says that it is harmed
    given: tuple[str, ...] = ()  # statements that make the examples' database one where it happens
    sized: bool = True  # lock rules: harmless on a table of which every customer has few rows
