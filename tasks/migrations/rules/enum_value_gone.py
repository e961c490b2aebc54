"""A value of an enum type is renamed, or left out of a type that takes its place."""

from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """A type is known by its name: PostgreSQL cannot remove a label, so people make the type anew."""
    now = {o.name: o for o in step.after.objects if o.kind == "enum"}
    hits = []
    for old in (o for o in step.start.objects if o.kind == "enum" and o.name in now):
        gone = [label for label in old.labels if label not in now[old.name].labels]
        hits += [
            Hit(table=old.name, new=label, evidence=f"{old.name} has no '{label}' any more", oid=old.oid)
            for label in gone
        ]
    return hits


def harms(hit: Hit, code: Code) -> bool:
    """Code that lists an enum's values is harmed by the loss of one of them; code that lists none may use any."""
    labels = [set(c.labels) for t in code.tables.values() for c in t.columns.values() if c.labels]
    return any(hit.new in known for known in labels) or not labels


RULE = Rule(
    name="enum_value_gone",
    family="compatibility",
    condition="a revision renames or removes a value of an enum type",
    effect="code that still runs at customers writes a value that is gone, and reads one that it does not know",
    next_step="add a new value to {table} beside '{new}', write it once all customers read it, and change old rows afterwards",
    bad="ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'",
    good="ALTER TYPE mood ADD VALUE 'calm'",
    find=find,
    harms=harms,
)
