"""A table or view gets another name."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule
from tasks.migrations.rules.stand_in import stand_in


def find(step: Step) -> list[Hit]:
    """A view left under the old name, with every column of old, is as good to running code: PostgreSQL lets it write too."""
    return [Hit.of(c) for c in step.changes if c.kind == "table renamed" and not stand_in(step, c.oid)]


RULE = Rule(
    name="rename_table",
    family="compatibility",
    condition="a revision renames a table or view, or moves it to another schema, and leaves nothing under the old name",
    effect="code that still runs at customers finds no table of the old name",
    next_step='leave a view behind in the same revision: op.execute("CREATE VIEW {table} AS SELECT * FROM {new}"); '
    "drop it once no customer's code uses the old name",
    bad="ALTER TABLE orders RENAME TO purchases",
    good="ALTER TABLE orders RENAME TO purchases; CREATE VIEW orders AS SELECT * FROM purchases",
    find=find,
)
