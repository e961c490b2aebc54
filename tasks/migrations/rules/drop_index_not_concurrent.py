"""An index is dropped while the table it belongs to is locked against everyone."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """DROP INDEX holds ACCESS EXCLUSIVE on the table; CONCURRENTLY does not. The lock is short, the queue for it is not."""
    hits = []
    for event in step.events:
        dropped = (
            [o.name for o in event.objects if o.type == "index"]
            if event.kind == "drop" and event.tag == "DROP INDEX"
            else []
        )
        locked = [step.old(k.oid) for k in event.locks if k.mode == "AccessExclusiveLock"]
        for name in dropped:
            hits += [
                Hit(table=t.name, new=name, evidence=f"AccessExclusiveLock on {t.name} to drop {name}")
                for t in locked
                if t
            ]
    return hits


RULE = Rule(
    name="drop_index_not_concurrent",
    family="locks",
    condition="a revision drops an index without CONCURRENTLY from a table that was there before the release",
    effect="it waits for every running query of the table, and everyone after it waits for it",
    next_step="drop {new} of {table} with postgresql_concurrently=True inside op.get_context().autocommit_block()",
    bad="DROP INDEX orders_state",
    good="DROP INDEX CONCURRENTLY orders_state",
    find=find,
)
