"""A rule does something else than what running code asks for."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table


def find(step: Step) -> list[Hit]:
    """CREATE RULE ... DO INSTEAD rewrites every statement, also those of code that was there before."""
    pairs = [(t, step.after.table(t.oid)) for t in step.start.tables if not t.is_view]
    return [
        Hit.on(t, f"rule {r} does something else instead", r)
        for t, now in pairs
        if now
        for r in now.instead
        if r not in t.instead
    ]


RULE = Rule(
    name="instead_rule",
    family="compatibility",
    condition="a revision creates a rule with DO INSTEAD on a table that was there before the release",
    effect="what code that still runs at customers writes goes elsewhere, or nowhere",
    next_step="leave the rule {new} of {table} until no customer runs code that writes to it",
    bad="CREATE RULE frozen AS ON INSERT TO orders DO INSTEAD NOTHING",
    good="CREATE RULE noted AS ON INSERT TO orders DO ALSO NOTHING",
    find=find,
    harms=maps_table,
)
