"""What a revision may leave under an old name, so that running code notices nothing."""

from tasks.migrations.catalogue import Table
from tasks.migrations.history import Step


def stand_in(step: Step, oid: int) -> Table | None:
    """The view under the old table's name that shows its rows, with every column it had, and lets code write.

    Another table of that name holds other rows, even if they were copied: what is written meanwhile is lost.
    """
    old = step.start.table(oid)
    now = step.after.by_name.get(old.name) if old else None
    if old is None or now is None or now.oid == oid or not now.is_view:
        return None
    shows = old.is_view or oid in now.reads
    whole = {c.name for c in old.columns} <= {c.name for c in now.columns}
    return now if shows and whole and (now.writable or not old.writable) else None
