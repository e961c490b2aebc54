"""SET NOT NULL reads every row while the table is locked."""

from tasks.migrations.history import Step
from tasks.migrations.rules.locked import scans_under_lock, strongest
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """No scan happens when a valid CHECK (column IS NOT NULL) proves it (since PostgreSQL 12)."""
    scans = {table.oid: event for event, table in scans_under_lock(step)}
    hits = []
    for change in (c for c in step.changes if c.kind == "column changed" and c.oid in scans):
        table, event = step.before.table(change.oid), scans[change.oid]
        if table and change.before and change.after and change.after.required and not change.before.required:
            hits.append(Hit.of(change, f"{event.tag} scanned {table.name} under {strongest(event, table)}"))
    return hits


RULE = Rule(
    name="set_not_null_scan",
    family="locks",
    condition="a revision sets NOT NULL on a column of a table that was there before the release, without a CHECK that proves it",
    effect="every read and write of the table waits until every row is checked",
    next_step='op.create_check_constraint("{column}_not_null", "{table}", "{column} IS NOT NULL", postgresql_not_valid=True); VALIDATE it in a '
    'later revision; then op.alter_column("{table}", "{column}", nullable=False), and drop the CHECK',
    bad="ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    good="ALTER TABLE orders ALTER COLUMN note SET DEFAULT ''",
    find=find,
)
