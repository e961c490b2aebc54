"""A new column must be filled, and running code does not know it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """An INSERT of the old code leaves the column out: NOT NULL without default, identity or generation then fails.

    The net effect of the revision counts: a default that is dropped again in it does not help.
    """
    added = [c for c in step.changes if c.kind == "column added" and c.after]
    return [Hit.of(c) for c in added if c.after and c.after.required and not c.after.filled]


RULE = Rule(
    name="add_required_column",
    family="compatibility",
    condition="a revision adds a NOT NULL column without a default to a table that was there before the release",
    effect="every INSERT of code that still runs at customers fails",
    next_step="give {table}.{column} a server_default, or add it nullable and tighten it once all customers run code that fills it",
    bad="ALTER TABLE orders ADD COLUMN weight int NOT NULL",
    good="ALTER TABLE orders ADD COLUMN weight int NOT NULL DEFAULT 0",
    find=find,
)
