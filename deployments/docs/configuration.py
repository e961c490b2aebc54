"""docs/reference/configuration.md: every key of `release.yaml`, out of the models that read it."""

from functools import cache
from pathlib import Path as File
from typing import Any

import yaml

from deployments.docs import kinds
from deployments.docs.markdown import cell, table
from deployments.docs.sections import ENTRY, NAME, Path, Placed, inner, keys, sections, written
from tasks.config.model import Config
from tasks.config.types import Section

EXAMPLES = File(__file__).with_name("release.yaml")
HEAD = """# release.yaml

Made from the models in `tasks/config/` by `make docs`. Every section has a table of its keys; what is not written has its
default, and a key that is not known is refused with its line. `slipway config validate` checks a file, and
`slipway config schema` prints the JSON Schema for editors.

- A *duration* is `90s`, `10m`, `2h`, `1d` or a number of seconds; a *size* is `64k`, `512m`, `3g` or a number of bytes.
- A *name* is a DNS label: lower-case letters, digits and dashes, 63 at most. `NAME` in a title stands for one of yours,
  `[]` for an entry of a list.
- A *path* is relative and stays inside its folder. `{customer}` stands for the customer's name.
- A *command* is run by `sh`. A secret never stands in the file: a key names the file or the variable that holds it.

## The file
"""


def page() -> str:
    """The whole page: the file's own keys first, then section by section, in the file's order."""
    return "\n".join([HEAD, _table(Config), "", *(_section(placed) for placed in sections())]).rstrip() + "\n"


def examples() -> list[dict[str, Any]]:
    """Whole configurations: the first document, and each later one in place of its sections."""
    first, *others = _documents()
    return [first, *({**first, **other} for other in others)]


def example(placed: Placed) -> Any:
    """The section as it stands in the examples, at the end of the way to it; None where no example has it."""
    found = (_walk(document, place) for place in placed.places for document in _documents())
    return next((shown for shown in found if shown is not None), None)


@cache
def _documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(EXAMPLES.read_text()))


def _section(placed: Placed) -> str:
    first, *others = (written(place) for place in placed.places)
    lines = [f"## {first}", ""]
    if placed.model.__doc__ and placed.model.__doc__ != Section.__doc__:
        lines += [cell(placed.model.__doc__), ""]
    if others:
        lines += [f"The same keys stand at {', '.join(f'`{other}`' for other in others)}.", ""]
    shown = yaml.safe_dump(_of_the_section(placed), sort_keys=False, width=100, allow_unicode=True)
    return "\n".join([*lines, _table(placed.model), "", f"```yaml\n{shown}```", ""])


def _table(model: type[Section]) -> str:
    rows = [
        [f"`{key}`", kinds.kind(model, name), kinds.default(model, name), _meaning(model, name)]
        for key, name, _ in keys(model)
    ]
    return table(["key", "type", "default", "meaning"], rows)


def _meaning(model: type[Section], name: str) -> str:
    """The model's words, with the way to the section that the key holds."""
    field = model.model_fields[name]
    places = {placed.model: written(placed.places[0]) for placed in sections()}
    links = [f"[{places[found]}](#{_anchor(places[found])})" for found, _ in inner(field.annotation)]
    return "; ".join([field.description or "", *links])


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower() if letter.isalnum() or letter in "_-")


def _walk(value: Any, place: Path) -> Any:
    """What stands at a place, wrapped in the keys that lead there."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if step == ENTRY:
        found = [shown for one in value if isinstance(one, dict) and (shown := _walk(one, rest)) is not None]
        return found or None
    if not isinstance(value, dict):
        return None
    for key in value if step == NAME else [step]:
        if key in value and (shown := _walk(value[key], rest)) is not None:
            return {key: shown}
    return None


def _of_the_section(placed: Placed) -> Any:
    """The example without the sections below this one, which have examples of their own."""
    return _without(example(placed), [key for key, _, field in keys(placed.model) if inner(field.annotation)], placed)


def _without(shown: Any, below: list[str], placed: Placed) -> Any:
    place = next(p for p in placed.places for d in _documents() if _walk(d, p) is not None)
    return _pruned(shown, len(place), set(below))


def _pruned(shown: Any, depth: int, below: set[str]) -> Any:
    if isinstance(shown, list):
        return [_pruned(one, depth - 1, below) for one in shown]
    if depth:
        return {key: _pruned(value, depth - 1, below) for key, value in shown.items()}
    kept = {key: value for key, value in shown.items() if key not in below} if isinstance(shown, dict) else shown
    return kept or shown
