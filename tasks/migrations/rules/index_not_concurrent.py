"""An index is built while writes to its table wait."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """CREATE INDEX holds SHARE on its table; with CONCURRENTLY it does not (PostgreSQL manual, CREATE INDEX)."""
    hits = []
    for event in step.events:
        for made in event.objects if event.tag == "CREATE INDEX" else ():
            table = step.old(made.table)
            if table and any(lock.oid == table.oid and lock.mode == "ShareLock" for lock in event.locks):
                hits.append(
                    Hit(
                        table=table.name,
                        new=made.name,
                        evidence=f"ShareLock on {table.name} while {made.name} was built",
                    )
                )
    return hits


RULE = Rule(
    name="index_not_concurrent",
    family="locks",
    condition="a revision builds an index without CONCURRENTLY on a table that was there before the release",
    effect="every write to the table waits until the index is built",
    next_step="build it with op.create_index(..., postgresql_concurrently=True) inside op.get_context().autocommit_block() on {table}",
    bad="CREATE INDEX orders_note ON orders (note)",
    good="CREATE INDEX CONCURRENTLY orders_note ON orders (note)",
    find=find,
)
