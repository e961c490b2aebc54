"""A column that could be NULL must now be filled."""

from tasks.migrations.code import Code
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Code that leaves the column out is saved by a default; a CHECK that was there before forbade NULL already."""
    hits = []
    for change in (c for c in step.changes if c.kind == "column changed" and c.before and c.after):
        before, after, table = change.before, change.after, step.start.table(change.oid)
        proven = f"CHECK (({before.name} IS NOT NULL))"
        checked = table and any(k.kind == "c" and k.definition.startswith(proven) for k in table.constraints)
        if after.required and not before.required and not after.filled and not checked and not after.generated:
            hits.append(Hit.of(change, "NOT NULL was set"))
    return hits


def harms(hit: Hit, code: Code) -> bool:
    """Code that says nullable=False, or fills the column itself, never leaves it empty."""
    known = code.column(hit.table, hit.column)
    return code.maps(hit.table) and not (known and (known.required or known.given or known.generated))


RULE = Rule(
    name="set_not_null",
    family="compatibility",
    condition="a revision makes a column NOT NULL that has no default",
    effect="an INSERT of code that still runs at customers and leaves the column out fails",
    next_step='give it a default first, op.alter_column("{table}", "{column}", server_default=...), or release code that always '
    "fills it, and set NOT NULL in a later revision",
    bad="ALTER TABLE orders ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID;; ALTER TABLE orders VALIDATE CONSTRAINT c;; "
    "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    good="ALTER TABLE orders ALTER COLUMN note SET DEFAULT ''",
    find=find,
    harms=harms,
)
