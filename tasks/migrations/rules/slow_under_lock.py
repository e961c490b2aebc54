"""A second table is indexed, checked or validated in a transaction that still keeps others away from the first."""

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.locked import strongest
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Each command is judged by its own rule; this one is about the lock that was taken before and waits for it."""
    hits: dict[int, Hit] = {}
    commands = [e for e in step.events if e.kind == "command"]
    for event in commands:
        slow = next((t.name for t in step.old_tables if not t.is_view and event.scanned(t)), "") or _indexed(
            step, event
        )
        earlier = [
            e for e in (*step.earlier, *commands) if e.number < event.number and e.transaction == event.transaction
        ]
        for table in (t for t in step.old_tables if slow and not t.is_view):
            held = next((m for e in earlier if (m := strongest(e, table))), "")
            if held not in ("", "ShareLock") and table.name != slow:
                said = f"{event.tag} on {slow} while the transaction held {held} on {table.name}"
                hits.setdefault(table.oid, Hit.on(table, said, slow).model_copy(update={"sized_by": slow}))
    return list(hits.values())


def _indexed(step: Step, event: Event) -> str:
    return next((t.name for o in event.objects if event.tag == "CREATE INDEX" and (t := step.old(o.table))), "")


RULE = Rule(
    name="slow_under_lock",
    family="locks",
    condition="a revision reads all rows of a second table in a transaction that has locked a first one that was there before the release",
    effect="everyone who uses the first table waits until the second is done",
    next_step="change {table} and {new} in revisions of their own, with transaction_per_migration=True in env.py",
    bad="BEGIN; ALTER TABLE customers ADD COLUMN size int; ALTER TABLE orders ADD CONSTRAINT a CHECK (id > 0) NOT VALID; "
    "ALTER TABLE orders VALIDATE CONSTRAINT a; COMMIT",
    good="ALTER TABLE customers ADD COLUMN size int;; ALTER TABLE orders ADD CONSTRAINT a CHECK (id > 0) NOT VALID;; ALTER TABLE orders VALIDATE CONSTRAINT a",
    find=find,
)
