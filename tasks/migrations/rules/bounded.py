"""Statements that change a part of a table, as loops over batches do."""

import re

from tasks.migrations.history import Event, Step

LIMIT = re.compile(r"\b(LIMIT|FETCH\s+FIRST|FETCH\s+NEXT|TABLESAMPLE|ctid)\b", re.IGNORECASE)
RANGE = re.compile(r"\bBETWEEN\b|[<>]=?\s*(?:\$\d|%\(|:\w|'?\d)", re.IGNORECASE)


def limited(event: Event) -> bool:
    """Whether the statement stops after some rows."""
    return bool(LIMIT.search(event.inner_query or event.query or ""))


def is_batch(event: Event) -> bool:
    """Whether the statement changes so many rows, or those of a range of keys: one of several."""
    changing = event.kind == "rows" and event.tag in ("UPDATE", "DELETE")
    return changing and (limited(event) or bool(RANGE.search(event.inner_query or event.query or "")))


def committed(step: Step, event: Event) -> bool:
    """Whether the batch was committed by itself: in a transaction of its own, which no loop around it keeps open."""
    last = step.events[-1].transaction
    loops = re.search(r"\bLOOP\b", event.query or "", re.IGNORECASE) and not re.search(
        r"\bCOMMIT\b", event.query or "", re.IGNORECASE
    )
    return event.transaction != last and not loops
