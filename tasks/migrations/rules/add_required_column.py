"""A new column must be filled, and running code does not know it."""

from tasks.migrations.catalogue import Change
from tasks.migrations.rules.rule import Rule


def found(change: Change) -> bool:
    """An INSERT of the old code leaves the column out: NOT NULL without default, identity or generation then fails."""
    new = change.after
    return change.kind == "column added" and new is not None and new.required and not new.filled


RULE = Rule(
    name="add_required_column",
    condition="a revision adds a NOT NULL column without a default to a table that was there before the release",
    effect="every INSERT of code that still runs at customers fails",
    next_step="give {table}.{column} a server_default, or add it nullable and tighten it once all customers run code that fills it",
    bad="ALTER TABLE orders ADD COLUMN weight int NOT NULL",
    good="ALTER TABLE orders ADD COLUMN weight int NOT NULL DEFAULT 0",
    found=found,
)
