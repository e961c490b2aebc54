"""A column gets another type under running code."""

import re

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

TEXT = re.compile(r"character varying(?:\((\d+)\))?|text")
NUMERIC = re.compile(r"numeric(?:\((\d+),(\d+)\))?")
UNLIMITED = 10**9


def find(step: Step) -> list[Hit]:
    """Every new type, except a wider one that drivers hand over as before: text, numeric of one scale, smallint."""
    changed = [
        (c, c.before.type, c.after.type) for c in step.changes if c.kind == "column changed" and c.before and c.after
    ]
    return [
        Hit.of(change).model_copy(update={"evidence": f"{old} became {new}", "new": new})
        for change, old, new in changed
        if old != new and not _wider(old, new)
    ]


def _wider(old: str, new: str) -> bool:
    # integer to bigint is not among them: Node's driver hands bigint over as a string (node-postgres, pg-types).
    if (a := TEXT.fullmatch(old)) and (b := TEXT.fullmatch(new)):
        return int(b[1] or UNLIMITED) >= int(a[1] or UNLIMITED)
    if (a := NUMERIC.fullmatch(old)) and (b := NUMERIC.fullmatch(new)):
        return b[1] is None or (a[2] == b[2] and int(b[1]) >= int(a[1] or UNLIMITED))
    return (old, new) == ("smallint", "integer")


RULE = Rule(
    name="type_change",
    family="compatibility",
    condition="a revision changes the type of a column that was there before the release, other than to a wider one",
    effect="code that still runs at customers reads and writes values of the old type",
    next_step="add a column of type {new} beside {table}.{column}, write to both, copy the values, and drop {column} once no customer's code uses it",
    bad="ALTER TABLE orders ALTER COLUMN note TYPE int USING 0",
    good="ALTER TABLE orders ALTER COLUMN note TYPE varchar",
    find=find,
)
