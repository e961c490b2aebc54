"""A UNIQUE, PRIMARY KEY or EXCLUDE constraint builds its index while the table is locked."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

KINDS = {"u": "UNIQUE", "p": "PRIMARY KEY", "x": "EXCLUDE"}


def find(step: Step) -> list[Hit]:
    """ADD CONSTRAINT ... USING INDEX takes an index that was there before the command; then nothing is built."""
    hits = []
    for table in step.old_tables:
        before, after = step.before.table(table.oid), step.after.table(table.oid)
        if before is None or after is None:
            continue
        known = {c.oid for c in before.constraints}
        built = {o.oid for e in step.events if e.tag == "CREATE INDEX" for o in e.objects}
        names = {i.name for i in after.indexes if i.oid in built}
        for c in after.constraints:
            if c.kind in KINDS and c.oid not in known and c.name not in names:
                hits.append(
                    Hit(
                        table=table.name,
                        new=c.name,
                        evidence=f"ALTER TABLE built the index of {KINDS[c.kind]} {c.name}",
                    )
                )
    return hits


RULE = Rule(
    name="unique_constraint_builds_index",
    family="locks",
    condition="a revision adds a UNIQUE, PRIMARY KEY or EXCLUDE constraint to a table that was there before the release",
    effect="every read and write of the table waits until the constraint's index is built",
    next_step="build a unique index CONCURRENTLY on {table} first, then ADD CONSTRAINT {new} UNIQUE USING INDEX",
    bad="ALTER TABLE orders ADD CONSTRAINT orders_note UNIQUE (note)",
    good="CREATE UNIQUE INDEX CONCURRENTLY orders_note ON orders (note);; ALTER TABLE orders ADD CONSTRAINT orders_note UNIQUE USING INDEX orders_note",
    find=find,
)
