"""The sections of `release.yaml` as the models have them: where each stands, and its keys."""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic.fields import FieldInfo

from tasks.config.model import Config
from tasks.config.types import Section

NAME, ENTRY = "NAME", "[]"
"""Steps of a path that stand for any name of a mapping, and for any entry of a list."""

Path = tuple[str, ...]


class Placed(NamedTuple):
    """One section: its model, and every place of the file where it may stand."""

    model: type[Section]
    places: tuple[Path, ...]


def sections() -> list[Placed]:
    """Every section but the file itself, in the file's order; one that stands at several places is there once."""
    places: dict[type[Section], list[Path]] = {}
    for model, place in _below(Config, ()):
        places.setdefault(model, []).append(place)
    return [Placed(model, tuple(found)) for model, found in places.items()]


def inner(annotation: Any) -> list[tuple[type[Section], Path]]:
    """The sections in a field's type, each with the steps that lead from the key to it."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [(annotation, ())]
    step = {dict: (NAME,), tuple: (ENTRY,)}.get(getattr(annotation, "__origin__", None), ())
    return [(model, (*step, *rest)) for part in get_args(annotation) for model, rest in inner(part)]


def keys(model: type[Section]) -> list[tuple[str, str, FieldInfo]]:
    """(key as it is written, name of the field, field) of a section."""
    return [(field.alias or name, name, field) for name, field in model.model_fields.items()]


def written(place: Path) -> str:
    """A place as people write it: `components.NAME.build`, `rings[]`."""
    return ".".join(place).replace(f".{ENTRY}", ENTRY)


def _below(model: type[Section], place: Path) -> Iterator[tuple[type[Section], Path]]:
    for key, _, field in keys(model):
        for found, steps in inner(field.annotation):
            yield found, (*place, key, *steps)
            yield from _below(found, (*place, key, *steps))
