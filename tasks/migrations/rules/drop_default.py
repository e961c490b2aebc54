"""A required column loses its default while running code may count on it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Only a column that must be filled matters: without a default a nullable one becomes NULL, as before it had one."""
    changed = [c for c in step.changes if c.kind == "column changed" and c.before and c.after]
    return [Hit.of(c) for c in changed if c.before.filled and not c.after.filled and c.after.required]  # type: ignore[union-attr]


RULE = Rule(
    name="drop_default",
    family="compatibility",
    condition="a revision drops the default, identity or generation of a NOT NULL column",
    effect="an INSERT of code that still runs at customers and leaves the column out fails",
    next_step="keep the default of {table}.{column} until no customer's code leaves it out",
    bad="ALTER TABLE orders ALTER COLUMN state DROP DEFAULT",
    good="ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'open'",
    find=find,
)
