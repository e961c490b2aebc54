"""Rows are changed in bulk in a transaction that already keeps others away from the table."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

STRONG = ("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


def find(step: Step) -> list[Hit]:
    """The lock is held until the transaction ends: the table that is locked need not be the one that is filled."""
    hits = []
    for event in step.events:
        filled = next((step.old(o.oid) for o in event.objects), None) if event.kind == "rows" else None
        if filled is None or event.tag == "TRUNCATE":
            continue
        for lock in event.locks:
            locked = step.old(lock.oid)
            if locked and lock.mode in STRONG:
                said = f"{event.tag} of {filled.name} while the transaction held {lock.mode} on {locked.name}"
                hits.append(Hit(table=filled.name, new=locked.name, evidence=said))
    return hits[:1]


RULE = Rule(
    name="backfill_under_lock",
    family="locks",
    condition="a revision changes rows in the transaction in which it locked a table that was there before the release",
    effect="the lock is held until all rows are changed, and everyone who uses the locked table waits",
    next_step="fill {table} in a revision of its own, in batches, after the one that changes {new} has been committed",
    bad="BEGIN; ALTER TABLE orders ADD COLUMN size int; UPDATE orders SET size = 1; COMMIT",
    good="ALTER TABLE orders ADD COLUMN size int;; UPDATE orders SET size = 1 WHERE id BETWEEN 1 AND 1000",
    find=find,
)
