"""A constraint is checked against all rows while the table is locked."""

from collections.abc import Callable

from tasks.migrations.catalogue import Constraint, Table
from tasks.migrations.history import Step
from tasks.migrations.rules.locked import scans_under_lock, strongest
from tasks.migrations.rules.rule import Hit, Rule


def scanning(kind: str) -> Callable[[Step], list[Hit]]:
    """Newly valid constraints of a kind (pg_constraint.contype) on old tables that a command scanned under a strong lock."""

    def find(step: Step) -> list[Hit]:
        scans = {table.oid: event for event, table in reversed(scans_under_lock(step))}
        hits = []
        for table in (t for t in step.old_tables if t.oid in scans):
            event = scans[table.oid]
            for constraint in _new(step, table, kind):
                said = f"{event.tag} scanned {table.name} for {constraint.name} under {strongest(event, table)}"
                hits.append(Hit.on(table, said, constraint.name))
        return hits

    return find


def _new(step: Step, table: Table, kind: str) -> list[Constraint]:
    """Constraints that were not valid before; one that is validated later counts when it is."""
    after, known = step.after.table(table.oid), {c.oid for c in table.constraints if c.validated}
    return [c for c in after.constraints if c.kind == kind and c.validated and c.oid not in known] if after else []


FOREIGN_KEY = Rule(
    name="fk_validating",
    family="locks",
    condition="a revision adds a foreign key to a table that was there before the release and checks all its rows at once",
    effect="writes to both tables wait until every row is checked",
    next_step='op.create_foreign_key("{new}", "{table}", ..., postgresql_not_valid=True), and in a later revision of its own transaction '
    'op.execute("ALTER TABLE {table} VALIDATE CONSTRAINT {new}")',
    bad="ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id)",
    good="ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID",
    find=scanning("f"),
)
CHECK = Rule(
    name="check_validating",
    family="locks",
    condition="a revision adds a CHECK to a table that was there before the release and checks all its rows at once",
    effect="every read and write of the table waits until every row is checked",
    next_step='op.create_check_constraint("{new}", "{table}", ..., postgresql_not_valid=True), and in a later revision of its own transaction '
    'op.execute("ALTER TABLE {table} VALIDATE CONSTRAINT {new}")',
    bad="ALTER TABLE orders ADD CONSTRAINT orders_note CHECK (note <> 'x')",
    good="ALTER TABLE orders ADD CONSTRAINT orders_note CHECK (note <> 'x') NOT VALID",
    find=scanning("c"),
)
