"""What a key of `release.yaml` may hold, in words: its type with its bounds, and its default."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from deployments.docs.sections import inner
from tasks.config import build, types
from tasks.config.types import Section
from tasks.models import Name

# What the models call by a name of its own; anything else is told by what Python says of it.
WORDS: list[tuple[Any, str]] = [
    (types.Duration, "duration"),
    (types.Size, "size"),
    (types.RelativePath, "path"),
    (types.Folder, "path"),
    (types.ImageName, "image name"),
    (types.FreezeTime, "time"),
    (types.TimeZone, "time zone"),
    (types.YamlPath, "YAML path"),
    (types.ForgeUrl, "URL"),
    (types.Address, "URL"),
    (types.Project, "text or number"),
    (types.EnvironmentName, "name of a variable"),
    (types.Pattern, "name, `{customer}` allowed"),
    (build.AbsolutePath, "absolute path"),
    (build.ImageReference, "image with tag"),
    (build.Platform, "platform"),
    (build.ArgumentName, "name"),
    (build.SecretId, "name"),
    (Name, "name"),
]
PLAIN = {str: "text", bool: "true or false", int: "number", float: "number"}
DURATION, SIZE = ((("d", 86400), ("h", 3600), ("m", 60), ("s", 1)), (("g", 1024**3), ("m", 1024**2), ("k", 1024)))


def kind(model: type[Section], name: str) -> str:
    """The type of one field of a section, such as `list of names` or `duration, at least 1s`."""
    field = model.model_fields[name]
    hint = get_type_hints(model, include_extras=True)[name]
    return f"{_told(hint)}{_bounds(field, _measure(model, name))}"


def default(model: type[Section], name: str) -> str:
    """What holds where the key is not written; `required` where it has to be."""
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    if inner(field.annotation) and not isinstance(field.default, tuple | dict):
        return "none" if field.default is None else "see its keys"
    return _value(field.default, _measure(model, name))


def _told(hint: Any) -> str:
    if word := next((word for alias, word in WORDS if hint == alias), None):
        return word
    if get_origin(hint) is Annotated:
        return _told(get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, Section):
        return "section"
    if hint in PLAIN:
        return PLAIN[hint]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    return _composed(hint)


def _composed(hint: Any) -> str:
    parts = [part for part in get_args(hint) if part not in (NoneType, Ellipsis)]
    told = [_told(part) for part in parts]
    if get_origin(hint) is dict:
        return f"mapping of {_many(told[0])} to {_many(told[1])}"
    if get_origin(hint) is tuple:
        return f"list of {_many(told[0])}"
    if get_origin(hint) in (Union, UnionType):
        return ", ".join(dict.fromkeys(told))
    raise TypeError(f"{hint} has no words yet: add them to WORDS")


def _many(word: str) -> str:
    """The plural of one of our words; values stay as they are."""
    if word.startswith("list of "):
        return f"lists{word.removeprefix('list')}"
    noun, comma, rest = word.partition(",")
    return word if "`" in noun else f"{noun}s{comma}{rest}"


def _bounds(field: FieldInfo, units: Any) -> str:
    """`, 1 to 64`: what pydantic was told of a number. More than nothing is what anyone expects."""
    said = {key: getattr(item, key) for item in field.metadata for key in ("ge", "le") if hasattr(item, key)}
    low, high = said.get("ge") or 0, said.get("le")
    if high is not None:
        return f", {low} to {high}"
    return f", at least {_value(low, units).strip('`')}" if low > (1 if units is SIZE else 0) else ""


def _measure(model: type[Section], name: str) -> Any:
    hint = get_type_hints(model, include_extras=True)[name]
    return next((units for alias, units in ((types.Duration, DURATION), (types.Size, SIZE)) if hint == alias), ())


def _value(value: Any, units: Any) -> str:
    if value is None or value in ((), {}, ""):
        return "none" if value is None else "empty"
    if units and value:
        unit, size = next((u, s) for u, s in units if value % s == 0)
        return f"`{value // size:g}{unit}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"
