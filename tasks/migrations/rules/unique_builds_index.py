"""A UNIQUE, PRIMARY KEY or EXCLUDE constraint builds its index while the table is locked."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule

KINDS = {"u": "UNIQUE", "p": "PRIMARY KEY", "x": "EXCLUDE"}


def find(step: Step) -> list[Hit]:
    """ADD CONSTRAINT ... USING INDEX takes an index that was built before, CONCURRENTLY or found by its own rule."""
    hits = []
    rewritten = {o.oid for e in step.events if e.kind == "rewrite" for o in e.objects}  # makes all indexes anew
    built = {o.oid for e in step.events if e.tag == "CREATE INDEX" for o in e.objects}
    for table in (t for t in step.old_tables if t.oid not in rewritten):
        now = step.after.table(table.oid)
        known = {c.oid for c in table.constraints}
        ready, files = {i.oid for i in table.indexes} | built, {i.file for i in table.indexes}
        for c in (c for c in now.constraints if c.kind in KINDS and c.oid not in known) if now else ():
            index = next((i for i in now.indexes if i.name == c.name), None) if now else None
            if index is None or index.oid not in ready and index.file not in files:
                hits.append(Hit.on(table, f"ALTER TABLE built the index of {KINDS[c.kind]} {c.name}", c.name))
    return hits


RULE = Rule(
    name="unique_constraint_builds_index",
    family="locks",
    condition="a revision adds a UNIQUE, PRIMARY KEY or EXCLUDE constraint to a table that was there before the release",
    effect="every read and write of the table waits until the constraint's index is built",
    next_step='build it first: op.create_index("{new}", "{table}", [...], unique=True, postgresql_concurrently=True) in an '
    'autocommit_block(), then op.execute("ALTER TABLE {table} ADD CONSTRAINT {new} UNIQUE USING INDEX {new}")',
    bad="ALTER TABLE orders ADD CONSTRAINT orders_note UNIQUE (note)",
    good="CREATE UNIQUE INDEX CONCURRENTLY orders_note ON orders (note);; ALTER TABLE orders ADD CONSTRAINT orders_note UNIQUE USING INDEX orders_note",
    find=find,
)
