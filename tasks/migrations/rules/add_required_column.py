"""A new column must be filled, and running code does not know it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table


def find(step: Step) -> list[Hit]:
    """An INSERT of the old code leaves the column out: NOT NULL without default, identity or generation then fails.

    A default that is dropped again does not help; nor does NULL where a CHECK wants a value.
    """
    hits = []
    added = (c for c in step.changes if c.kind == "column added" and c.after and not c.after.filled)
    for change in (c for c in added if c.oid not in step.takes_rows):  # a trigger may fill it
        table, column = step.after.table(change.oid), change.after
        wanted = (
            table
            and column
            and any(k.definition.startswith(f"CHECK (({column.name} IS NOT NULL))") for k in table.constraints)
        )
        if column and (column.required or wanted) and not (table and table.is_view):
            hits.append(Hit.of(change))
    return hits


RULE = Rule(
    name="add_required_column",
    family="compatibility",
    condition="a revision adds a NOT NULL column without a default to a table that was there before the release",
    effect="every INSERT of code that still runs at customers fails",
    next_step='give it a default that stays: sa.Column("{column}", ..., nullable=False, server_default=...) on {table}; '
    "or add it nullable and tighten it once all customers run code that fills it",
    bad="ALTER TABLE orders ADD COLUMN weight int NOT NULL",
    good="ALTER TABLE orders ADD COLUMN weight int NOT NULL DEFAULT 0",
    find=find,
    harms=maps_table,
)
