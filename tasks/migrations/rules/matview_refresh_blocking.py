"""A materialized view is refreshed while its readers wait."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """REFRESH holds ACCESS EXCLUSIVE on the view, REFRESH ... CONCURRENTLY only EXCLUSIVE (PostgreSQL manual)."""
    hits = []
    for event in (e for e in step.events if e.kind == "command" and e.tag == "REFRESH MATERIALIZED VIEW"):
        for table in (t for t in step.old_tables if t.kind == "m" and "AccessExclusiveLock" in event.modes(t)):
            hits.append(Hit.on(table, f"REFRESH held AccessExclusiveLock on {table.name}"))
    return hits


RULE = Rule(
    name="matview_refresh_blocking",
    family="locks",
    condition="a revision refreshes a materialized view that was there before the release without CONCURRENTLY",
    effect="every reader of the view waits until its query is done",
    next_step='op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY {table}"), which needs a unique index on it',
    bad="REFRESH MATERIALIZED VIEW totals",
    good="REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
    find=find,
)
