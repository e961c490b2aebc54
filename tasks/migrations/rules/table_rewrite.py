"""A table is rewritten, row by row, while nobody can use it."""

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
    """PostgreSQL itself says so by its table_rewrite event; what is safe (varchar to text, a constant default) fires none."""
    hits = []
    for event in step.events:
        for touched in event.objects if event.kind == "rewrite" else ():
            if table := step.old(touched.oid):
                reason = ", ".join(text for bit, text in REASONS.items() if touched.reason & bit)
                hits.append(Hit(table=table.name, evidence=f"PostgreSQL rewrote {table.name}: {reason}"))
    return hits


RULE = Rule(
    name="table_rewrite",
    family="locks",
    condition="a revision makes PostgreSQL rewrite a table that was there before the release",
    effect="every read and write of the table waits until all rows are copied",
    next_step="add a new nullable column to {table}, fill it in batches, write both in the code, and drop the old one in a later release",
    bad="ALTER TABLE orders ALTER COLUMN id TYPE bigint",
    good="ALTER TABLE orders ALTER COLUMN note TYPE text",
    find=find,
)
