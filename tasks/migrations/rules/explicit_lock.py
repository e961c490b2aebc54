"""A table is locked by hand."""

from tasks.migrations.history import Step
from tasks.migrations.rules.locked import STRONG
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """A strong lock that no command of the catalogue took: it was there first when rows changed or the revision ended."""
    hits = []
    explained = {(k.oid, k.mode, e.transaction) for e in step.earlier for k in e.locks}
    for event in step.events:
        strong = {(k.oid, k.mode, event.transaction) for k in event.locks if k.mode in STRONG}
        if event.kind in ("command", "rewrite", "drop", "read") or event.tag == "TRUNCATE":
            explained |= strong
            continue
        for oid, mode, transaction in sorted(strong - explained):
            explained.add((oid, mode, transaction))
            if table := step.old(oid):
                hits.append(Hit.on(table, f"{mode} on {table.name} that no DDL took"))
    return hits


RULE = Rule(
    name="explicit_lock",
    family="locks",
    condition="a revision takes a strong lock on a table that was there before the release",
    effect="everyone who uses the table waits until the revision ends",
    next_step="leave the lock on {table} out; PostgreSQL takes what a command needs",
    bad="BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; UPDATE orders SET id = id WHERE id = 7; COMMIT",
    good="UPDATE orders SET id = id WHERE id = 7",
    find=find,
)
