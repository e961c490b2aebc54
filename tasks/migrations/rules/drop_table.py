"""A table is dropped that running code may still use."""

from tasks.migrations.rules.rule import Hit, Rule

RULE = Rule(
    name="drop_table",
    family="compatibility",
    condition="a revision drops a table that was there before the release",
    effect="code that still runs at customers fails on its next query of the table",
    next_step='release code that no longer uses {table}; then drop it in a later revision with slipway_accept = {{"drop_table": "why it is unused"}}',
    bad="DROP TABLE orders",
    good="CREATE TABLE parcels (id int PRIMARY KEY)",
    find=lambda step: [Hit.of(c) for c in step.changes if c.kind == "table dropped"],
)
