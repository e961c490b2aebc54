"""A row as running code writes it is refused, for a reason that no change of a column tells."""

from tasks.migrations.history import Refused, Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table

# What other rules name (NOT NULL, GENERATED ALWAYS), and what depends on values that were made up (data exceptions).
NAMED = ("428C9", "23503")


def find(step: Step) -> list[Hit]:
    """The row was written, changed and deleted before and after (`writes_sql`); a constraint on values that were made up may well let real ones pass."""
    hits: dict[int, Hit] = {}
    for refused in (r for r in step.refused if not _named(r)):
        table = step.start.table(refused.oid)
        if table and not _on_old_columns(step, refused):
            hits.setdefault(
                table.oid,
                Hit.on(
                    table,
                    f"writing a row with the old columns: {refused.message} ({refused.code})",
                    refused.constraint,
                ),
            )
    return list(hits.values())


def _named(refused: Refused) -> bool:
    return refused.code in NAMED or refused.code.startswith("22") or refused.message.startswith("null value in column")


def _on_old_columns(step: Step, refused: Refused) -> bool:
    before, now = step.start.table(refused.oid), step.after.table(refused.oid)
    if not refused.constraint or before is None or now is None:
        return False
    numbers = [n for k in now.constraints if k.name == refused.constraint for n in k.columns]
    numbers += [n for i in now.indexes if i.name == refused.constraint for n in i.columns or (0,)]
    given = [n for n in numbers if n == 0 or (c := before.column(n)) and not c.filled]
    return bool(given)


RULE = Rule(
    name="old_insert_fails",
    family="compatibility",
    condition="a table that was there before the release takes no row any more that has values for the old columns only",
    effect="an INSERT of code that still runs at customers fails",
    next_step="let {table} take rows without the new columns: look at its new triggers, defaults and constraints {new}",
    bad="ALTER TABLE orders ADD COLUMN slot int DEFAULT 1 UNIQUE",
    good="ALTER TABLE orders ADD COLUMN slot int",
    find=find,
    harms=maps_table,
)
