"""A CHECK says that a column must not be NULL, which new rows obey at once."""

from tasks.migrations.history import Step
from tasks.migrations.rules import set_not_null
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """NOT VALID spares the old rows only (PostgreSQL manual, ALTER TABLE)."""
    hits = []
    for table in step.start.tables:
        now, known = step.after.table(table.oid), {k.oid for k in table.constraints}
        for check in (k for k in now.constraints if k.kind == "c" and k.oid not in known) if now else ():
            for column in (c for n in check.columns if (c := table.column(n)) and not c.required and not c.filled):
                if check.definition.startswith(f"CHECK (({column.name} IS NOT NULL))"):
                    hits.append(
                        Hit(
                            table=table.name,
                            column=column.name,
                            new=check.name,
                            evidence=check.definition,
                            oid=table.oid,
                        )
                    )
    return hits


RULE = Rule(
    name="forbid_null",
    family="compatibility",
    condition="a revision adds CHECK (column IS NOT NULL), also NOT VALID, to a column without a default",
    effect="an INSERT of code that still runs at customers and leaves the column out fails",
    next_step="release code that always fills {table}.{column} to every customer before {new}",
    bad="ALTER TABLE orders ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID",
    good="ALTER TABLE orders ADD CONSTRAINT c CHECK (length(note) < 40) NOT VALID",
    find=find,
    harms=set_not_null.harms,
    blocks="known code",
)
