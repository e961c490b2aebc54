"""Every row of a table is changed in one statement."""

import re

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.rule import Hit, Rule

LIMITED = re.compile(r"\b(LIMIT|FETCH\s+FIRST|FETCH\s+NEXT|TABLESAMPLE|ctid)\b", re.IGNORECASE)


def find(step: Step) -> list[Hit]:
    """A statement that changes a table and went through it from end to end, as PostgreSQL's plan says, without a limit."""
    hits: dict[int, Hit] = {}
    for event in (
        e
        for e in step.events
        if e.kind == "rows" and e.tag in ("UPDATE", "DELETE") and not LIMITED.search(e.query or "")
    ):
        for table in (t for o in event.objects if (t := step.old(o.oid)) and _through(event, t.oid, step)):
            hits.setdefault(table.oid, Hit.on(table, f"{event.tag} went through all rows of {table.name}"))
    return list(hits.values())


def _through(event: Event, oid: int, step: Step) -> bool:
    parts = [t for t in step.old_tables if t.oid == oid or t.parent == oid]
    return any(event.scanned(t) for t in parts)


RULE = Rule(
    name="unbatched_backfill",
    family="locks",
    condition="a revision updates or deletes the rows of a table that was there before the release in one statement",
    effect="every row stays locked, and dead rows pile up, until the last one is done",
    next_step="change the rows of {table} in batches of some thousand by key, each committed: in an autocommit_block(), or outside of the release",
    bad="UPDATE orders SET note = 'x'",
    good="UPDATE orders SET note = note WHERE id BETWEEN 1 AND 1000",
    find=find,
)
