"""A table gets another name while code runs that knows the old one."""

from tasks.migrations.rules.rule import Hit, Rule

RULE = Rule(
    name="rename_table",
    family="compatibility",
    condition="a revision renames a table, or moves it to another schema",
    effect="code that still runs at customers finds no table of the old name",
    next_step="keep {table} and create {new} beside it, write to both, copy the rows, and drop {table} once no customer's code uses it",
    bad="ALTER TABLE orders RENAME TO purchases",
    good="CREATE VIEW purchases AS SELECT * FROM orders",
    find=lambda step: [Hit.of(c) for c in step.changes if c.kind == "table renamed"],
)
