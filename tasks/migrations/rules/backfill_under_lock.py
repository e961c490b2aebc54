"""Rows are changed or copied in bulk in a transaction that keeps others away from a table."""

import re

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.locked import strongest, waiting
from tasks.migrations.rules.rule import Hit, Rule

SELECTS = re.compile(r"\b(SELECT|TABLE)\b", re.IGNORECASE)


def find(step: Step) -> list[Hit]:
    """The lock is held until the transaction ends: the table that is locked need not be the one that is filled.

    What takes long is to go through the rows of a table that was there before: a few rows given in the statement are
    written at once, and an index finds a few others. A truncated table is empty.
    """
    hits: dict[int, Hit] = {}
    for event in (e for e in step.events if e.kind == "rows" and e.tag != "TRUNCATE" and _through(step, e)):
        if table := waiting(step, event):
            filled = step.after.table(event.objects[0].oid) or step.before.table(event.objects[0].oid)
            said = f"{event.tag} of {filled.name if filled else 'a table'} while the transaction held {strongest(event, table)} on {table.name}"
            hits.setdefault(table.oid, Hit.on(table, said, filled.name if filled else table.name))
    return list(hits.values())


def _through(step: Step, event: Event) -> bool:
    """Whether the statement goes through all rows of an old table."""
    return any(event.scanned(t) for t in step.old_tables)


RULE = Rule(
    name="backfill_under_lock",
    family="locks",
    condition="a revision goes through the rows of a table, to change or copy them, in a transaction that has locked a table that was there before "
    "the release",
    effect="the lock is held until all rows are done, and everyone who uses the locked table waits",
    next_step="fill {new} in a revision of its own, in batches, after the one that changes {table} has been committed; with "
    "transaction_per_migration=True in env.py",
    bad="BEGIN; ALTER TABLE orders ADD COLUMN size int; UPDATE orders SET size = 1; COMMIT",
    good="BEGIN; ALTER TABLE orders ADD COLUMN size int; INSERT INTO customers VALUES (1); COMMIT",
    find=find,
)
