"""A command reads a whole table while writes wait, for a reason that no other rule names."""

from tasks.migrations.history import Step
from tasks.migrations.rules import constraint_validating, set_not_null_scan, table_rewrite, unique_builds_index
from tasks.migrations.rules.locked import scans_under_lock, strongest
from tasks.migrations.rules.rule import Hit, Rule

NAMED = (
    constraint_validating.FOREIGN_KEY,
    constraint_validating.CHECK,
    set_not_null_scan.RULE,
    table_rewrite.RULE,
    unique_builds_index.RULE,
)


def find(step: Step) -> list[Hit]:
    """A partition that is attached without a CHECK, a default partition searched for rows of a new one, a domain's new check."""
    told = {hit.oid for rule in NAMED for hit in rule.find(step)}
    hits: dict[int, Hit] = {}
    for event, table in scans_under_lock(step):
        if table.oid not in told:
            hits.setdefault(
                table.oid, Hit.on(table, f"{event.tag} scanned {table.name} under {strongest(event, table)}")
            )
    return list(hits.values())


RULE = Rule(
    name="scan_under_lock",
    family="locks",
    condition="a revision makes PostgreSQL read every row of a table that was there before the release while it is locked: a partition attached "
    "without a CHECK, a default partition searched for the rows of a new one, a constraint checked again",
    effect="every write to the table waits until every row is read",
    next_step="add a CHECK to {table} that proves what is looked for, NOT VALID, and VALIDATE it in a revision before; keep default partitions empty",
    bad="CREATE TABLE visits_2027 PARTITION OF visits FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    good="CREATE TABLE visits_2027 (LIKE visits INCLUDING ALL)",
    find=find,
)
