"""Rows are changed or copied in bulk in a transaction that keeps others away from a table."""

from tasks.migrations.catalogue import Table
from tasks.migrations.history import Event, Step
from tasks.migrations.rules.bounded import is_batch
from tasks.migrations.rules.locked import strongest, waiting
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """The lock is held until the transaction ends: the table that is locked need not be the one that is filled.

    What takes long is to go through the rows of a table that was there before: a few rows given in the statement are
    written at once, and an index finds a few others. A truncated table is empty.
    """
    hits: dict[int, Hit] = {}
    for event in (e for e in step.events if e.kind in ("rows", "read") and e.tag != "TRUNCATE"):
        read, locked = _gone_through(step, event), waiting(step, event)
        if read and locked:
            said = f"{event.tag} went through {read.name} while the transaction held {strongest(event, locked)} on {locked.name}"
            hit = Hit.on(locked, said, read.name).model_copy(update={"sized_by": read.name})
            hits.setdefault(read.oid, hit)
    return list(hits.values())


def _gone_through(step: Step, event: Event) -> Table | None:
    """An old table of which the statement went through all rows, or a batch of them."""
    batch = [step.old(o.oid) for o in event.objects] if is_batch(event) else []
    return next((t for t in [*step.old_tables, *batch] if t and (t in batch or event.scanned(t))), None)


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
