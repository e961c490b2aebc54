"""An index is dropped while everyone waits for the table."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """DROP INDEX holds ACCESS EXCLUSIVE on the table; CONCURRENTLY does not. The lock is short, the queue for it is not."""
    hits = []
    for event in (e for e in step.events if e.kind == "drop" and e.tag == "DROP INDEX"):
        gone = {o.name.split(".")[-1] for o in event.objects if o.type == "index"}
        for table in (t for t in step.old_tables if step.after.table(t.oid)):
            for index in (i for i in table.indexes if i.name in gone):
                if "AccessExclusiveLock" in event.modes(table):
                    hits.append(Hit.on(table, f"AccessExclusiveLock on {table.name} to drop {index.name}", index.name))
    return hits


RULE = Rule(
    name="drop_index_not_concurrent",
    family="locks",
    condition="a revision drops an index without CONCURRENTLY from a table that was there before the release",
    effect="it waits for every running query of the table, and everyone after it waits for it",
    next_step='with op.get_context().autocommit_block(): op.drop_index("{new}", "{table}", postgresql_concurrently=True)',
    bad="DROP INDEX orders_state",
    good="DROP INDEX CONCURRENTLY orders_state",
    find=find,
)
