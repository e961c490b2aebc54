"""Where a value stands in a YAML file, as people write it: `spec.containers[name=api].image`, `images[0].tag`, `a."b.c"`."""

import re
from typing import NamedTuple

STEP = re.compile(
    r'\.?(?:"(?P<quoted>[^"]+)"|(?P<key>[^.\[\]"]+))|\[(?P<name>[\w./-]+)=(?P<value>[^\]]+)\]|\[(?P<number>\d+)\]'
)


class Entry(NamedTuple):
    """The entries of a list of which one key has this value."""

    key: str
    value: str


Step = str | int | Entry


def steps(path: str) -> list[Step]:
    """Mapping keys, numbers of list entries, and selectors of list entries. Raises `ValueError` for what is none of them."""
    found: list[Step] = []
    position = 0
    while position < len(path):
        match = STEP.match(path, position)
        if match is None:
            raise ValueError(
                f"{path!r} cannot be read from {path[position:]!r} on; write keys by dots, and list entries as [name=api] or [0]"
            )
        if match["number"]:
            found.append(int(match["number"]))
        elif match["name"]:
            found.append(Entry(match["name"], match["value"]))
        else:
            found.append(match["quoted"] or match["key"])
        position = match.end()
    return found
