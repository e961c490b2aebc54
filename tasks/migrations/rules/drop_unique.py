"""A unique constraint or index goes, or changes its name, that running code may name in ON CONFLICT."""

import re

from tasks.migrations.catalogue import Index, Table
from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """ON CONFLICT (columns) needs a unique index on just these columns; ON CONFLICT ON CONSTRAINT needs its name."""
    hits = []
    for table in (t for t in step.start.tables if not t.is_view):
        now = step.after.table(table.oid)
        hits += [*_columns(table, now), *_names(table, now)] if now else []
    return hits


def _columns(table: Table, now: Table) -> list[Hit]:
    """Unique indexes of which no other on the same columns is left; of lost columns the loss of the column tells."""
    left = {(i.columns, _where(i)) for i in now.indexes if i.unique}
    gone = [
        i
        for i in table.indexes
        if i.unique and (i.columns, _where(i)) not in left and all(now.column(n) for n in i.columns or ())
    ]
    return [Hit.on(table, f"unique ({', '.join(table.names(i.columns))}) is gone", i.name) for i in gone]


def _where(index: Index) -> str:
    """The condition without casts, which name types that may have another name since."""
    return re.sub(r"::[\w.\"]+", "", index.condition or "")


def _names(table: Table, now: Table) -> list[Hit]:
    names = {k.oid: k.name for k in now.constraints}
    renamed = [k for k in table.constraints if k.kind in "ux" and k.oid in names and names[k.oid] != k.name]
    return [Hit.on(table, f"constraint {k.name} is now {names[k.oid]}", k.name) for k in renamed]


def harms(hit: Hit, code: Code) -> bool:
    """Metadata that declares the name, or the same columns as unique, counts on it."""
    known = code.tables.get(hit.table)
    if known is None:
        return False
    columns = set(hit.evidence.partition("(")[2].partition(")")[0].split(", "))
    return hit.new in known.names or any(set(u) == columns for u in known.unique)


RULE = Rule(
    name="drop_unique",
    family="compatibility",
    condition="a revision drops a unique constraint or unique index that was there before the release, or renames the constraint",
    effect="INSERT ... ON CONFLICT of code that still runs at customers fails if it names it, and duplicates get in",
    next_step="keep {new} of {table} until no customer runs code with ON CONFLICT on its columns",
    bad="ALTER TABLE customers DROP CONSTRAINT customers_email",
    good="DROP INDEX CONCURRENTLY orders_state",
    find=find,
    harms=harms,
)
