"""Where a value stands in a YAML file, as people write it: `spec.containers[name=api].image`, `images[0].tag`, `a."b.c"`.

Double quotes keep what would mean something else, a dot in a key or a bracket in a value; before a quote or a backslash
in them stands a backslash.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

QUOTED = r'"(?:[^"\\]|\\["\\])+"'
KEY = r'[^.\[\]"\s]+(?: +[^.\[\]"\s]+)*'
NAME = r'[^\[\]"=\s]+'
VALUE = r'[^\[\]"\s]+(?: +[^\[\]"\s]+)*'
STEP = re.compile(
    rf"\.(?P<key>{QUOTED}|{KEY})"
    r"|\[(?P<number>[0-9]{1,6})\]"
    rf"|\[(?P<name>{QUOTED}|{NAME})=(?P<value>{QUOTED}|{VALUE})\]"
)


class Entry(NamedTuple):
    """The entries of a list of which one key has this value."""

    key: str
    value: str


Step = str | int | Entry


def steps(path: str) -> list[Step]:
    """Mapping keys, numbers of list entries, and selectors of list entries. Raises `ValueError` with the place of what is none of them."""
    found: list[Step] = []
    text = path if path.startswith("[") else f".{path}"
    position = 0
    while position < len(text):
        match = STEP.match(text, position)
        if match is None:
            at = max(0, position - len(text) + len(path))
            raise ValueError(
                f"{path[:100]!r} cannot be read from character {at + 1} on, {path[at : at + 20]!r}; "
                'write keys by dots, list entries as [name=api] or [0], and a key with a dot in it as "a.b"'
            )
        found.append(_step(match))
        position = match.end()
    return found


def _step(match: re.Match[str]) -> Step:
    if match["number"]:
        return int(match["number"])
    if match["name"]:
        return Entry(_plain(match["name"]), _plain(match["value"]))
    return _plain(match["key"])


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def written(way: Sequence[Step]) -> str:
    """The path that `steps` reads as these steps."""
    return "".join(_written(step) for step in way).removeprefix(".")


def _written(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if isinstance(step, Entry):
        return f"[{_quoted(step.key, NAME)}={_quoted(step.value, VALUE)}]"
    return f".{_quoted(step, KEY)}"


def _quoted(text: str, form: str) -> str:
    if re.fullmatch(form, text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
