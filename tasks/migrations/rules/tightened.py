"""New rows must obey a constraint that running code does not know."""

import re

from tasks.migrations.catalogue import Constraint
from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

KINDS = {"c": "CHECK", "f": "FOREIGN KEY", "u": "UNIQUE", "x": "EXCLUDE"}


def find(step: Step) -> list[Hit]:
    """Constraints and unique indexes on columns that were there at the start; whether old writes obey, no schema tells."""
    hits = []
    for table in (t for t in step.start.tables if not t.is_view):
        now = step.after.table(table.oid)
        known, before = (
            {k.oid for k in table.constraints},
            {(i.columns, i.condition) for i in table.indexes if i.unique},
        )
        for k in (k for k in now.constraints if k.oid not in known and k.kind in "cfx") if now else ():
            if any(table.column(n) for n in k.columns) and _core(k) not in {_core(c) for c in table.constraints}:
                hits.append(Hit.on(table, k.definition, k.name))
        for i in (i for i in now.indexes if i.unique and (i.columns, i.condition) not in before) if now else ():
            if i.columns and all(table.column(n) for n in i.columns):
                hits.append(Hit.on(table, f"unique ({', '.join(now.names(i.columns))})" if now else "", i.name))
    return hits


def _core(constraint: Constraint) -> str:
    """What a constraint asks of new rows: without actions, names of types and whether old rows were checked."""
    return re.sub(r"::[\w.\" ()]+|ON (DELETE|UPDATE) [A-Z ]+| NOT VALID", "", constraint.definition).strip()


def harms(hit: Hit, code: Code) -> bool:
    """Metadata that declares the same is no proof of harmless code, but the best there is."""
    known = code.tables.get(hit.table)
    if known is None:
        return False
    columns = set(hit.evidence.partition("(")[2].partition(")")[0].split(", "))
    return hit.new not in known.names and not any(set(u) == columns for u in known.unique)


RULE = Rule(
    name="tightened",
    family="compatibility",
    condition="a revision adds a CHECK, foreign key, unique or exclusion constraint to columns that were there before the release",
    effect="writes of code that still runs at customers and does not obey it fail; NOT VALID spares only old rows",
    next_step="make sure that the code at every customer obeys {new} of {table} already",
    bad="ALTER TABLE orders ADD CONSTRAINT orders_note CHECK (note <> 'x') NOT VALID",
    good="ALTER TABLE orders ADD COLUMN size int;; ALTER TABLE orders ADD CONSTRAINT positive CHECK (size > 0) NOT VALID",
    find=find,
    harms=harms,
    blocks="no",
)
