"""A column gets another name while code runs that knows the old one."""

from tasks.migrations.rules.rule import Hit, Rule

RULE = Rule(
    name="rename_column",
    family="compatibility",
    condition="a revision renames a column that was there before the release",
    effect="code that still runs at customers fails on its next query of the old name",
    next_step="add {table}.{new} beside {column}, write to both, copy the values, and drop {column} once no customer's code uses it",
    bad="ALTER TABLE orders RENAME COLUMN note TO remark",
    good="ALTER TABLE orders ADD COLUMN remark text",
    find=lambda step: [Hit.of(c) for c in step.changes if c.kind == "column renamed"],
)
