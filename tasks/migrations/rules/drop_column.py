"""A column goes away."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule
from tasks.migrations.rules.stand_in import stand_in


def find(step: Step) -> list[Hit]:
    """Also when a column of the same name comes in its place: the values are gone."""
    return [Hit.of(c) for c in step.changes if c.kind == "column dropped" and not stand_in(step, c.oid)]


RULE = Rule(
    name="drop_column",
    family="compatibility",
    condition="a revision drops a column that was there before the release",
    effect="code that still runs at customers fails on its next query of the column",
    next_step='release code that no longer uses {table}.{column}; then drop it in a later revision with slipway_accept = {{"drop_column": "why it is unused"}}',
    bad="ALTER TABLE orders DROP COLUMN note",
    good="ALTER TABLE orders ALTER COLUMN note SET DEFAULT ''",
    find=find,
)
