"""What a revision does in a loop over rows, which an empty table never shows: it is run again with a row in every table."""

import psycopg

from tasks.migrations.history import Run, Step
from tasks.migrations.writes_sql import FILL


def reads_rows(run: Run) -> bool:
    """Whether a revision that ran well has read a table that was there before: what it does with the rows was not seen."""
    old = run.snapshots[0].by_oid
    return not run.problems and any(e.kind == "read" and any(int(oid) in old for oid in e.scans) for e in run.events)


def fill(connection: psycopg.Connection) -> None:
    """One made-up row in every table that takes one."""
    connection.execute(FILL)


def compare(run: Run, filled: Run) -> dict[str, frozenset[int]]:
    """Revision -> tables that it changes only when there are rows, in the transaction that ends it.

    What goes wrong with made-up rows says nothing: such a run is left out. Tables are known by name, as the two runs are
    in different databases.
    """
    empty = {s.revision.id: s for s in run.steps}
    names = {t.name: t.oid for t in run.snapshots[0].tables}
    found = {}
    for step in filled.steps:
        more = _changed(step) - (_changed(empty[step.revision.id]) if step.revision.id in empty else set())
        if tables := frozenset(names[n] for n in more if n in names):
            found[step.revision.id] = tables
    return found


def _changed(step: Step) -> set[str]:
    last = step.events[-1].transaction if step.events else ""
    events = [e for e in step.events if e.kind == "rows" and e.tag in ("UPDATE", "DELETE") and e.transaction == last]
    return {t.name for e in events for o in e.objects if (t := step.old(o.oid))}
