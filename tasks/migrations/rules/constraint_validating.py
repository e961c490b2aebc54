"""A constraint is checked against all rows while the table is locked."""

from collections.abc import Callable

from tasks.migrations.catalogue import Constraint, Table
from tasks.migrations.history import Event, Step
from tasks.migrations.rules.rule import Hit, Rule

STRONG = ("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


def scanning(kind: str) -> Callable[[Step], list[Hit]]:
    """New valid constraints of a kind (pg_constraint.contype) on old tables that a command scanned under a strong lock."""

    def find(step: Step) -> list[Hit]:
        hits = []
        for table in step.old_tables:
            for constraint in _new(step, table, kind):
                if event := scan_under_lock(step.events, table):
                    said = f"{event.tag} scanned {table.name} for {constraint.name} under {_strongest(event, table)}"
                    hits.append(Hit(table=table.name, new=constraint.name, evidence=said))
        return hits

    return find


def _new(step: Step, table: Table, kind: str) -> list[Constraint]:
    before, after = step.before.table(table.oid), step.after.table(table.oid)
    known = {c.oid for c in before.constraints} if before else set()
    return [c for c in after.constraints if c.kind == kind and c.validated and c.oid not in known] if after else []


def scan_under_lock(events: tuple[Event, ...], table: Table) -> Event | None:
    """The first command that scanned the table while it held a lock that writes wait for."""
    for event in events:
        if event.scans.get(str(table.oid)) and any(k.oid == table.oid and k.mode in STRONG for k in event.locks):
            return event
    return None


def _strongest(event: Event, table: Table) -> str:
    modes = [lock.mode for lock in event.locks if lock.oid == table.oid]
    return next((m for m in reversed(STRONG) if m in modes), "a lock")


FOREIGN_KEY = Rule(
    name="fk_validating",
    family="locks",
    condition="a revision adds a foreign key to a table that was there before the release and checks all its rows at once",
    effect="writes to both tables wait until every row is checked",
    next_step="add {new} on {table} with postgresql_not_valid=True, and VALIDATE CONSTRAINT in a later revision of its own transaction",
    bad="ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id)",
    good="ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID",
    find=scanning("f"),
)
CHECK = Rule(
    name="check_validating",
    family="locks",
    condition="a revision adds a CHECK to a table that was there before the release and checks all its rows at once",
    effect="every read and write of the table waits until every row is checked",
    next_step="add {new} on {table} as NOT VALID, and VALIDATE CONSTRAINT in a later revision of its own transaction",
    bad="ALTER TABLE orders ADD CONSTRAINT orders_note CHECK (note <> 'x')",
    good="ALTER TABLE orders ADD CONSTRAINT orders_note CHECK (note <> 'x') NOT VALID",
    find=scanning("c"),
)
