"""A partition leaves its table, and its rows with it."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Code that reads the partitioned table no longer finds the rows; a dropped partition is a dropped table."""
    hits = []
    for table in (t for t in step.start.tables if t.parent):
        now, parent = step.after.table(table.oid), step.start.table(table.parent)
        if now and parent and now.parent != table.parent:
            hits.append(Hit.on(parent, f"{table.name} is no longer a partition of {parent.name}", table.name))
    return hits


RULE = Rule(
    name="detach_partition",
    family="compatibility",
    condition="a revision detaches a partition from a table that was there before the release",
    effect="code that still runs at customers finds none of its rows any more, and without CONCURRENTLY everyone waits for it",
    next_step="detach {new} of {table} once no customer's code reads its rows, with DETACH PARTITION {new} CONCURRENTLY in an autocommit_block()",
    bad="ALTER TABLE visits DETACH PARTITION visits_2026",
    good="CREATE TABLE visits_2027 (LIKE visits)",
    find=find,
)
