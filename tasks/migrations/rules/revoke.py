"""A privilege is taken away."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, cannot_tell

WHOLE = ("FUNCTION", "SCHEMA", "SEQUENCE", "TYPE", "DATABASE", "PROCEDURE")


def find(step: Step) -> list[Hit]:
    """Of a table the catalogue says which; of the rest the command's own words do."""
    hits = []
    for table in step.start.tables:
        now = step.after.table(table.oid)
        gone = [g for g in table.grants if now and g not in now.grants]
        hits += [Hit.on(table, f"no longer granted: {', '.join(gone)}")] if gone else []
    for event in step.events:
        if (
            event.kind == "command"
            and event.tag == "REVOKE"
            and any(f"ON {kind}" in (event.query or "").upper() for kind in WHOLE)
        ):
            hits.append(Hit(table="privileges", evidence=" ".join((event.query or "").split())[:200]))
    return hits


RULE = Rule(
    name="revoke",
    family="compatibility",
    condition="a revision revokes a privilege",
    effect="code that still runs at customers as that role fails",
    next_step='revoke privileges of {table} once no customer runs code that needs them, with slipway_accept = {{"revoke": "why nobody needs them"}}',
    bad="REVOKE SELECT ON orders FROM PUBLIC",
    good="GRANT INSERT ON orders TO PUBLIC",
    find=find,
    harms=cannot_tell,
)
