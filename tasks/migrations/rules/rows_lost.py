"""All rows of a table are deleted."""

import re

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.rule import Hit, Rule, cannot_tell

LIMITED = re.compile(r"\b(WHERE|USING)\b", re.IGNORECASE)


def find(step: Step) -> list[Hit]:
    """Statement triggers see TRUNCATE of each table, those reached by CASCADE too."""
    hits: dict[str, Hit] = {}
    for event in step.events:
        for table in (t for o in event.objects if (t := step.start.table(o.oid))) if _all(event) else ():
            rows = f", {event.changed} rows" if event.changed else ""
            hits.setdefault(table.name, Hit.on(table, f"{event.tag} of {table.name}{rows}"))
    return list(hits.values())


def _all(event: Event) -> bool:
    return event.kind == "rows" and (
        event.tag == "TRUNCATE" or event.tag == "DELETE" and not LIMITED.search(event.query or "")
    )


RULE = Rule(
    name="rows_lost",
    family="compatibility",
    condition="a revision empties a table that was there before the release",
    effect="every customer's rows in it are gone, and everyone who uses the table waits meanwhile",
    next_step="leave the rows of {table}; delete what is not needed in batches, outside of the release",
    bad="TRUNCATE orders CASCADE",
    good="CREATE TABLE parcels (id int);; TRUNCATE parcels",
    find=find,
    harms=cannot_tell,
)
