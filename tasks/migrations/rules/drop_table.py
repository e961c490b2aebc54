"""A table or view goes away."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule
from tasks.migrations.rules.stand_in import stand_in


def find(step: Step) -> list[Hit]:
    """A view of the same name that has every column is as good to code that reads."""
    return [Hit.of(c) for c in step.changes if c.kind == "table dropped" and not stand_in(step, c.oid)]


RULE = Rule(
    name="drop_table",
    family="compatibility",
    condition="a revision drops a table or view that was there before the release",
    effect="code that still runs at customers fails on its next query of it",
    next_step='release code that no longer uses {table}; then drop it in a later revision with slipway_accept = {{"drop_table": "why it is unused"}}',
    bad="DROP TABLE orders CASCADE",
    good="CREATE TABLE parcels (id int PRIMARY KEY)",
    find=find,
)
