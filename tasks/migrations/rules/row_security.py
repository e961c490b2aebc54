"""Rows are hidden from code that sees them now."""

from tasks.migrations.catalogue import Policy, Table
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table


def find(step: Step) -> list[Hit]:
    """Without a policy that lets everything pass, a role that is not the owner sees no row and may write none."""
    hits = []
    for table in step.start.tables:
        now = step.after.table(table.oid)
        if now and now.secured and (said := _hidden(table, now)):
            hits.append(Hit.on(table, said))
    return hits


def _hidden(table: Table, now: Table) -> str:
    if not table.secured:
        everything = any(p.permissive and p.command == "*" and p.condition == "true" for p in now.policies)
        strict = any(not p.permissive for p in now.policies)
        return "" if everything and not strict else "row security was switched on"
    left, known = {_said(p) for p in now.policies}, {p.name for p in table.policies}
    gone = [f"policy {p.name} is gone or changed" for p in table.policies if p.permissive and _said(p) not in left]
    return ", ".join(
        gone + [f"policy {p.name} is restrictive" for p in now.policies if not p.permissive and p.name not in known]
    )


def _said(policy: Policy) -> Policy:
    return policy.model_copy(update={"oid": 0})


RULE = Rule(
    name="row_security",
    family="compatibility",
    condition="a revision enables row level security on a table that was there before the release, drops or changes a policy, or adds a restrictive one",
    effect="code that still runs at customers as another role than the owner sees fewer rows, or none",
    next_step="create the policies of {table} first, try them with the role of the code, then accept it: "
    'slipway_accept = {{"row_security": "tried with role ..."}}',
    bad="ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    good="CREATE POLICY mine ON orders USING (true)",
    find=find,
    harms=maps_table,
)
