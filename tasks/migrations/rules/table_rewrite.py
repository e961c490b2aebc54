"""A whole table is written anew."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

# PostgreSQL: src/include/commands/event_trigger.h, AT_REWRITE_*; a bit mask.
REASONS = {
    1: "its persistence changes",
    2: "a column gets a value in every row",
    4: "a column's type changes",
    8: "its access method changes",
}


def find(step: Step) -> list[Hit]:
    """PostgreSQL says so by its table_rewrite event; of CLUSTER, VACUUM FULL and SET TABLESPACE a new file tells."""
    hits = {}
    for event in step.events:
        for touched in event.objects if event.kind == "rewrite" else ():
            if table := step.old(touched.oid):
                reason = ", ".join(text for bit, text in REASONS.items() if touched.reason & bit)
                hits[table.oid] = Hit.on(table, f"PostgreSQL rewrote {table.name}: {reason}")
    emptied = {o.oid for e in step.events if e.tag in ("TRUNCATE", "REFRESH MATERIALIZED VIEW") for o in e.objects}
    for table in (t for t in step.old_tables if t.file and t.kind == "r"):
        now = step.after.table(table.oid)
        if now and now.file != table.file and table.oid not in {*hits, *emptied}:
            hits[table.oid] = Hit.on(table, f"{table.name} has a new file: CLUSTER, VACUUM FULL or another tablespace")
    return list(hits.values())


RULE = Rule(
    name="table_rewrite",
    family="locks",
    condition="a revision makes PostgreSQL rewrite a table that was there before the release",
    effect="every read and write of the table waits until all rows are copied",
    next_step='op.add_column("{table}", sa.Column(..., nullable=True)), fill it in batches, write both in the code, and drop the old one in a later release',
    bad="ALTER TABLE orders ALTER COLUMN id TYPE bigint",
    good="ALTER TABLE orders ALTER COLUMN note TYPE text",
    find=find,
)
