"""What a revision may leave under an old name, so that running code notices nothing."""

from tasks.migrations.catalogue import Table
from tasks.migrations.history import Step


def stand_in(step: Step, oid: int) -> Table | None:
    """The new table or view under the old table's name that has every column which the old one had."""
    old = step.start.table(oid)
    now = step.after.by_name.get(old.name) if old else None
    if old is None or now is None or now.oid == oid:
        return None
    return now if {c.name for c in old.columns} <= {c.name for c in now.columns} else None
