"""A column gets another type."""

import re

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

TEXT = re.compile(r"character(?: varying)?(?:\((\d+)\))?|text|citext")
NUMERIC = re.compile(r"numeric(?:\((\d+),(\d+)\))?")
TIME = re.compile(r"(time(?:stamp)?)(?:\((\d)\))? (with(?:out)? time zone)")
BITS = re.compile(r"(bit varying)(?:\((\d+)\))?")
WIDTHS = (("smallint", "integer", "bigint"), ("real", "double precision"))
UNLIMITED = 10**9


def find(step: Step) -> list[Hit]:
    """Every new type, except a wider one that drivers hand over as before."""
    changed = [
        (c, c.before.type, c.after.type) for c in step.changes if c.kind == "column changed" and c.before and c.after
    ]
    return [
        Hit.of(change, f"{old} became {new}").model_copy(update={"new": new})
        for change, old, new in changed
        if old != new and not _wider(old, new)
    ]


def _wider(old: str, new: str) -> bool:
    old, new = old.removeprefix("public."), new.removeprefix("public.")
    if (a := TEXT.fullmatch(old)) and (b := TEXT.fullmatch(new)):
        return int(b[1] or UNLIMITED) >= int(a[1] or UNLIMITED)
    if (a := NUMERIC.fullmatch(old)) and (b := NUMERIC.fullmatch(new)):
        return b[1] is None or (
            a[1] is not None and int(b[2]) >= int(a[2]) and int(b[1]) - int(b[2]) >= int(a[1]) - int(a[2])
        )
    if (a := TIME.fullmatch(old)) and (b := TIME.fullmatch(new)):
        return (a[1], a[3]) == (b[1], b[3]) and int(b[2] or 6) >= int(a[2] or 6)
    if (a := BITS.fullmatch(old)) and (b := BITS.fullmatch(new)):
        return int(b[2] or UNLIMITED) >= int(a[2] or UNLIMITED)
    if (old, new) in (("json", "jsonb"), ("inet", "cidr"), ("cidr", "inet")):
        return old != "inet"
    return any(old in widths and new in widths and widths.index(new) >= widths.index(old) for widths in WIDTHS)


RULE = Rule(
    name="type_change",
    family="compatibility",
    condition="a revision changes the type of a column that was there before the release, other than to a wider one",
    effect="code that still runs at customers reads and writes values of the old type",
    next_step='op.add_column("{table}", sa.Column(...)) of type {new} beside {column}, write to both, copy the values in batches, and drop '
    "{column} once no customer's code uses it",
    bad="ALTER TABLE orders ALTER COLUMN note TYPE int USING 0",
    good="ALTER TABLE orders ALTER COLUMN note TYPE varchar",
    find=find,
)
