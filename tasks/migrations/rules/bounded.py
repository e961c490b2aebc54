"""Statements that change a part of a table, as loops over batches do."""

import re

from tasks.migrations.history import Event, Step

LIMIT = re.compile(r"\b(LIMIT|FETCH\s+FIRST|FETCH\s+NEXT|TABLESAMPLE)\b", re.IGNORECASE)
RANGE = re.compile(r"\bBETWEEN\b|[<>]=?\s*(?:\$\d|%\(|:\w|'?\d)", re.IGNORECASE)


OPEN = re.compile(r"\bIS\s+(NOT\s+)?NULL\b|<>|!=|\bNOT\s+(IN|EXISTS|LIKE)\b", re.IGNORECASE)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def words(event: Event) -> str:
    """The statement that changed the rows, without comments."""
    return COMMENT.sub(" ", event.inner_query or event.query or "")


def is_open(event: Event) -> bool:
    """Whether the condition may hold for most rows; on an empty table an index is used for it all the same."""
    return bool(OPEN.search(words(event).upper().partition("WHERE")[2]))


def limited(event: Event) -> bool:
    """Whether the statement stops after some rows."""
    return bool(LIMIT.search(words(event)))


def is_batch(event: Event) -> bool:
    """Whether the statement changes so many rows, or those of a range of keys: one of several."""
    changing = event.kind == "rows" and event.tag in ("UPDATE", "DELETE")
    return changing and (limited(event) or bool(RANGE.search(words(event))))


def committed(step: Step, event: Event) -> bool:
    """Whether the batch was committed by itself: in a transaction of its own, which no loop around it keeps open."""
    last = step.events[-1].transaction
    loops = re.search(r"\bLOOP\b", event.query or "", re.IGNORECASE) and not re.search(
        r"\bCOMMIT\b", event.query or "", re.IGNORECASE
    )
    return event.transaction != last and not loops
