"""A default that running code counts on goes away."""

from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Default, identity or generation is gone; an INSERT that leaves the column out fails, or writes NULL."""
    changed = [c for c in step.changes if c.kind == "column changed" and c.before and c.after]
    return [
        Hit.of(c, f"the default {c.before.default or c.before.identity} is gone")  # type: ignore[union-attr]
        for c in changed
        if c.before.filled and not c.after.filled and c.before.default not in ("NULL", "NULL::text")  # type: ignore[union-attr]
    ]


def harms(hit: Hit, code: Code) -> bool:
    """Code that maps the column and does not leave it to the server sends a value in every INSERT."""
    known = code.column(hit.table, hit.column)
    return code.maps(hit.table) and (known is None or known.server or known.generated)


RULE = Rule(
    name="drop_default",
    family="compatibility",
    condition="a revision drops the default, identity or generation of a column",
    effect="an INSERT of code that still runs at customers and leaves the column out fails, or writes NULL",
    next_step="keep the default of {table}.{column} until no customer's code leaves it out",
    bad="ALTER TABLE orders ALTER COLUMN state DROP DEFAULT",
    good="ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'open'",
    find=find,
    harms=harms,
)
