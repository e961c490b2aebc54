"""Pieces of Markdown in which text of commits and tests cannot be more than text."""

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """A table with every key of the rows as a column."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(cell(str(row.get(c, ""))) for c in columns) + " |" for row in rows])


def cell(text: str) -> str:
    """Text from commits and tests must not end a table cell or start markup of its own."""
    text = " ".join(text.splitlines())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def plain(text: str) -> str:
    """Text for a fenced block, which it cannot end."""
    return text.replace("```", "'''")


def code(text: str) -> str:
    """Text as code within a line."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`"
