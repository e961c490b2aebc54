"""Every row of a table is changed in one transaction."""

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.bounded import committed, is_batch, is_open, limited
from tasks.migrations.rules.rule import Hit, Rule

MANY_ROWS = 10_000  # as many as keep others waiting, see judge.FEW_ROWS


def find(step: Step) -> list[Hit]:
    """A statement that went through a table from end to end, as PostgreSQL's plan says; or batches that are not committed one by one."""
    hits: dict[int, Hit] = {}
    changed: dict[tuple[int, str], int] = {}
    for event in (e for e in step.events if e.kind == "rows" and e.tag in ("UPDATE", "DELETE")):
        for table in (t for o in event.objects if (t := step.old(o.oid))):
            key = table.oid, event.transaction
            changed[key] = changed.get(key, 0) + event.changed
            if said := _said(step, event, table.oid, changed[key]):
                hits.setdefault(table.oid, Hit.on(table, f"{event.tag} {said} of {table.name}"))
    for table in (t for t in step.old_tables if t.oid in step.loops):
        hits.setdefault(
            table.oid, Hit.on(table, f"changes {table.name} row by row once it has rows, in one transaction")
        )
    return list(hits.values())


def _said(step: Step, event: Event, oid: int, changed: int) -> str:
    parts = [t for t in step.old_tables if t.oid == oid or t.parent == oid]
    if (any(event.scanned(t) for t in parts) or (is_open(event) and not is_batch(event))) and not limited(event):
        return "went through all rows"
    if is_batch(event) and not committed(step, event):
        return "in batches that are one transaction"
    return f"changed {changed} rows in one transaction" if changed >= MANY_ROWS else ""


RULE = Rule(
    name="unbatched_backfill",
    family="locks",
    condition="a revision updates or deletes many rows of a table that was there before the release in one transaction",
    effect="every row stays locked, and dead rows pile up, until the last one is done",
    next_step="change the rows of {table} in batches of some thousand by key, each committed: in an autocommit_block(), or outside of the release",
    bad="UPDATE orders SET note = 'x'",
    good="UPDATE orders SET note = note WHERE id BETWEEN 1 AND 1000",
    find=find,
)
