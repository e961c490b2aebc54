"""Which commands made everyone wait for a table that was there at the start, and what they did meanwhile."""

from tasks.migrations.catalogue import Table
from tasks.migrations.history import Event, Step

# Modes that writes wait for (PostgreSQL manual, Explicit Locking, table 13.2).
STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


def strongest(event: Event, table: Table) -> str:
    """The strongest lock on the table that writes wait for; '' for none."""
    modes = event.modes(table)
    return next((m for m in reversed(STRONG) if m in modes), "")


def scans_under_lock(step: Step) -> list[tuple[Event, Table]]:
    """Commands that read every row of a table while its writes waited, with the table."""
    commands = [e for e in step.events if e.kind == "command" and e.tag not in ("CREATE INDEX", "REINDEX")]
    return [(e, t) for e in commands for t in step.old_tables if not t.is_view and e.scanned(t) and strongest(e, t)]


def waiting(step: Step, event: Event) -> Table | None:
    """A table whose writes wait for the event's transaction; the one that waits most."""
    locked = [t for t in step.old_tables if not t.is_view and strongest(event, t) not in ("", "ShareLock")]
    return max(locked, key=lambda t: STRONG.index(strongest(event, t)), default=None)
