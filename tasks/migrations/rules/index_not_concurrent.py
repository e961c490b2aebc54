"""An index is built while writes wait."""

from tasks.migrations.catalogue import Table
from tasks.migrations.history import Event, Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """CREATE INDEX and REINDEX hold SHARE or more on what they read; with CONCURRENTLY they do not (PostgreSQL manual).

    An index ON ONLY a partitioned table reads nothing: none of the partitions is locked.
    """
    hits = []
    for event in (e for e in step.events if e.kind == "command" and e.tag in ("CREATE INDEX", "REINDEX")):
        for made in event.objects:
            if (table := step.old(made.table)) and _built(step, event, table):
                name = made.name.split(".")[-1]
                hits.append(Hit.on(table, f"{event.tag} held ShareLock on {table.name}", name))
    return hits


def _built(step: Step, event: Event, table: Table) -> bool:
    holding = {k.oid for k in event.locks if k.mode in ("ShareLock", "AccessExclusiveLock")}
    return any(t.oid in holding for t in [table, *_below(step, table)] if t.kind != "p")


def _below(step: Step, table: Table) -> list[Table]:
    children = [t for t in step.old_tables if t.parent == table.oid]
    return children + [t for child in children for t in _below(step, child)]


RULE = Rule(
    name="index_not_concurrent",
    family="locks",
    condition="a revision builds an index without CONCURRENTLY on a table that was there before the release",
    effect="every write to the table waits until the index is built",
    next_step='with op.get_context().autocommit_block(): op.create_index("{new}", "{table}", [...], postgresql_concurrently=True)',
    bad="CREATE INDEX orders_note ON orders (note)",
    good="CREATE INDEX CONCURRENTLY orders_note ON orders (note)",
    find=find,
)
