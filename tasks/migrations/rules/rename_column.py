"""A column gets another name."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule
from tasks.migrations.rules.stand_in import stand_in


def find(step: Step) -> list[Hit]:
    """attnum stays when the name changes."""
    return [Hit.of(c) for c in step.changes if c.kind == "column renamed" and not stand_in(step, c.oid)]


RULE = Rule(
    name="rename_column",
    family="compatibility",
    condition="a revision renames a column that was there before the release",
    effect="code that still runs at customers fails on its next query of the old name",
    next_step='op.add_column("{table}", sa.Column("{new}", ..., nullable=True)) beside {column}, write to both, copy the values '
    "in batches, and drop {column} once no customer's code uses it",
    bad="ALTER TABLE orders RENAME COLUMN note TO remark",
    good="ALTER TABLE orders ADD COLUMN remark text",
    find=find,
)
