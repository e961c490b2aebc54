"""An index that was left unfinished is taken for the one that the revision wants."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """CREATE INDEX IF NOT EXISTS looks at the name only; a build that failed before leaves an INVALID index of that name."""
    words = " ".join(e.query or "" for e in step.events if e.kind == "command" and e.tag == "CREATE INDEX")
    hits = []
    for table in step.old_tables:
        invalid = {i.name for i in table.indexes if not i.valid and i.kind == "i"}
        now = step.after.table(table.oid)
        hits += [
            Hit.on(table, f"{i.name} is INVALID", i.name)
            for i in (now.indexes if now else ())
            if not i.valid and i.name in invalid and i.name in words
        ]
    return hits


RULE = Rule(
    name="invalid_index_masked",
    family="locks",
    condition="a revision creates an index IF NOT EXISTS, and a customer has an INVALID one of that name",
    effect="the revision ends well without an index: queries stay slow, and a unique one keeps nothing unique",
    next_step='with op.get_context().autocommit_block(): op.execute("DROP INDEX CONCURRENTLY IF EXISTS {new}") first, then create it on {table}',
    bad="CREATE INDEX CONCURRENTLY IF NOT EXISTS broken ON customers (email)",
    good="DROP INDEX CONCURRENTLY broken;; CREATE INDEX CONCURRENTLY IF NOT EXISTS broken ON customers (email)",
    given=(
        "INSERT INTO customers VALUES (1, 'a'), (2, 'b')",
        "CREATE UNIQUE INDEX CONCURRENTLY broken ON customers ((1))",
    ),
    find=find,
    sized=False,
)
