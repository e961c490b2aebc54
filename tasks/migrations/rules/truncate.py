"""A table is emptied."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """Statement triggers see TRUNCATE of each table, those reached by CASCADE too."""
    emptied = [(e, step.old(o.oid)) for e in step.events if e.kind == "rows" and e.tag == "TRUNCATE" for o in e.objects]
    return [Hit(table=t.name, evidence=f"TRUNCATE of {t.name}") for _, t in emptied if t]


RULE = Rule(
    name="truncate",
    family="compatibility",
    condition="a revision truncates a table that was there before the release",
    effect="every customer's rows in it are gone, and everyone who uses the table waits meanwhile",
    next_step="leave the rows of {table}; delete what is not needed in batches, outside of the release",
    bad="TRUNCATE orders",
    good="CREATE TABLE parcels (id int);; TRUNCATE parcels",
    find=find,
)
