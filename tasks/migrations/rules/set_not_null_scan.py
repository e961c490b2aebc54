"""A column becomes NOT NULL, and PostgreSQL reads all rows to believe it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.constraint_validating import scan_under_lock
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """No scan happens when a valid CHECK (column IS NOT NULL) proves it (since PostgreSQL 12)."""
    hits = []
    for change in step.changes:
        tightened = change.before and change.after and change.after.required and not change.before.required
        table = step.old(change.oid)
        if change.kind == "column changed" and tightened and table and (event := scan_under_lock(step.events, table)):
            hits.append(
                Hit.of(change).model_copy(
                    update={"evidence": f"{event.tag} scanned {table.name} under AccessExclusiveLock"}
                )
            )
    return hits


RULE = Rule(
    name="set_not_null_scan",
    family="locks",
    condition="a revision sets NOT NULL on a column of a table that was there before the release, without a CHECK that proves it",
    effect="every read and write of the table waits until every row is checked",
    next_step="add CHECK ({column} IS NOT NULL) NOT VALID on {table}, VALIDATE it in a later revision, then SET NOT NULL, then drop the CHECK",
    bad="ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    good="ALTER TABLE orders ALTER COLUMN note SET DEFAULT ''",
    find=find,
)
