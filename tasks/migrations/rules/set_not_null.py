"""A column becomes NOT NULL while running code may still write NULL to it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Code that leaves the column out is saved by a default; code that writes NULL is not, but cannot be told from here."""
    changed = [c for c in step.changes if c.kind == "column changed" and c.before and c.after]
    return [Hit.of(c) for c in changed if c.after.required and not c.before.required and not c.after.filled]  # type: ignore[union-attr]


RULE = Rule(
    name="set_not_null",
    family="compatibility",
    condition="a revision makes a column NOT NULL that has no default",
    effect="an INSERT of code that still runs at customers and leaves the column out fails",
    next_step="give {table}.{column} a default first, release code that always fills it, and set NOT NULL in a later revision",
    bad="ALTER TABLE orders ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID;; ALTER TABLE orders VALIDATE CONSTRAINT c;; "
    "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    good="ALTER TABLE orders ALTER COLUMN note SET DEFAULT ''",
    find=find,
)
