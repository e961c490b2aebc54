"""Several tables are locked one after the other in one transaction."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Code that takes them in another order can deadlock with the revision; the first lock waits for the last."""
    locked: dict[str, list[str]] = {}
    for event in (e for e in step.events if e.kind == "command"):
        for table in (t for t in step.old_tables if t.kind == "r" and "AccessExclusiveLock" in event.modes(t)):
            names = locked.setdefault(event.transaction, [])
            names += [table.name] if table.name not in names else []
    return [
        Hit(table=names[0], new=names[-1], evidence=f"one transaction locked {', '.join(names)}")
        for names in locked.values()
        if len(names) > 2
    ]


RULE = Rule(
    name="many_tables_locked",
    family="locks",
    condition="a revision takes ACCESS EXCLUSIVE on three or more tables that were there before the release, in one transaction",
    effect="code that uses the tables in another order can deadlock with it, and all of them wait for the last",
    next_step="one table a revision, from {table} to {new}, with transaction_per_migration=True in env.py",
    bad="BEGIN; ALTER TABLE orders ADD a int; ALTER TABLE customers ADD a int; ALTER TABLE visits_2026 ADD CHECK (page <> 'x') NOT VALID; COMMIT",
    good="ALTER TABLE orders ADD a int;; ALTER TABLE customers ADD a int",
    find=find,
    blocks="no",
)
