"""A command's help as plain text, readable from 30 columns on: usage, what it does, its words, examples, keys of its JSON."""

import re
import shutil
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

NARROWEST, WIDEST = 30, 100
ROOM_FOR_COLUMNS = 60
LONGEST_TERM = 26
Row = tuple[str, str]


def page(command: Any, context: Any) -> str:
    """All that `--help` shows."""
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
    sections = [_usage(command, context, width), _text(command.help or "", width)]
    sections += [f"{title}:\n{_rows(rows, width)}" for title, rows in _tables(command, context) if rows]
    sections += [_epilog(block, width) for block in (command.epilog or "").split("\n\n")]
    return "\n\n".join(s for s in sections if s)


def _usage(command: Any, context: Any, width: int) -> str:
    words = [_in_usage(p) for p in command.params if p.param_type_name == "argument"]
    words += ["COMMAND ..."] if hasattr(command, "commands") else []
    whole = " ".join(["Usage:", context.command_path, "[OPTIONS]", *words])
    return textwrap.fill(whole, width, subsequent_indent="    ", break_on_hyphens=False)


def _in_usage(argument: Any) -> str:
    name = argument.metavar + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _tables(command: Any, context: Any) -> Iterator[tuple[str, list[Row]]]:
    """Commands by their group, in the order in which they were added; then arguments and options."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for name, child in getattr(command, "commands", {}).items():
        groups[child.rich_help_panel or "Commands"].append((name, child.get_short_help_str(300)))
    yield from groups.items()
    params = command.get_params(context)
    yield "Arguments", [_argument(p) for p in params if p.param_type_name == "argument"]
    yield "Options", [_option(p, context) for p in params if p.param_type_name == "option" and not p.hidden]


def _argument(argument: Any) -> Row:
    return argument.metavar + ("..." if argument.nargs != 1 else ""), argument.help or ""


def _option(option: Any, context: Any) -> Row:
    """Its names, shortest first, with what it takes; its sentence, and what it is without being given."""
    term = ", ".join([*sorted(option.opts, key=len), *option.secondary_opts])
    if not option.is_flag:
        term += f" {option.metavar or '|'.join(option.type_descriptor.choices or ['TEXT'])}"
    _, told = option.get_help_record(context)
    return term, re.sub(r"default: \((.+?)\)", r"default: \1", told)


def _rows(rows: Sequence[Row], width: int) -> str:
    """Two columns where there is room; what is too long for its column, or for the screen, has its text below it."""
    column = max((len(term) for term, _ in rows if len(term) <= LONGEST_TERM), default=LONGEST_TERM) + 4
    indent = " " * (column if width >= ROOM_FOR_COLUMNS else 6)
    return "\n".join(_row(term, text, indent, width) for term, text in rows)


def _row(term: str, text: str, indent: str, width: int) -> str:
    first = f"  {term}"
    if len(first) + 2 <= len(indent):
        return _text(text, width, first.ljust(len(indent)), indent) if text else first
    return "\n".join(part for part in (first, _text(text, width, indent, indent)) if part)


def _epilog(block: str, width: int) -> str:
    """A block whose lines are indented stands as it is: examples are there to be copied."""
    return block if "\n  " in block else _text(block, width)


def _text(text: str, width: int, first: str = "", indent: str = "") -> str:
    whole = " ".join(text.split())
    return textwrap.fill(
        whole, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
