"""What the models say of a key of `release.yaml`: what is allowed there, and what it is for."""

from types import UnionType
from typing import Any, get_args, get_origin

from tasks.config.model import Config
from tasks.config.types import Section
from tasks.models import NAME

Keys = list[Any]
"""The way to a place of the file: keys, and numbers in lists."""


def problem(error: Any, keys: Keys) -> str:
    """pydantic's message, or ours where that speaks of Python."""
    if error["type"] == "extra_forbidden":
        return f"this key is not known; allowed: {', '.join(allowed(keys[:-1]))}"
    if error["type"] == "missing":
        return "this key is missing"
    if error["type"] in ("model_type", "model_attributes_type") and (known := allowed(keys)):
        return f"must be a mapping with keys of these: {', '.join(known)}"
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == NAME:
        return "must be lower-case letters, digits and dashes, 63 at most, such as shop-api"
    return str(error["msg"].removeprefix("Value error, "))


def allowed(keys: Keys) -> list[str]:
    """The keys that the models allow at a place of the file, as they are written there."""
    model = _section_at(keys)
    return sorted(field.alias or name for name, field in model.model_fields.items()) if _is_section(model) else []


def description(keys: Keys) -> str:
    """What a key of the file is, in the models' words; empty where they have none."""
    model = _section_at(keys[:-1])
    fields = model.model_fields.items() if keys and _is_section(model) else ()
    return next((f.description or "" for name, f in fields if keys[-1] in (name, f.alias)), "")


def _section_at(keys: Keys) -> Any:
    """The model of a place of the file; anything else where no section is."""
    model: Any = Config
    for key in keys:
        if _is_section(model):
            field = next((f for n, f in model.model_fields.items() if key in (n, f.alias)), None)
            model = field.annotation if field else None
        else:
            inner = [a for a in get_args(model) if a is not Ellipsis]
            model = inner[-1 if isinstance(key, str) else 0] if inner else None
        # `Section | None` and tuples of sections: the section is what has keys.
        model = next((a for a in get_args(model) if _is_section(a)), model) if get_origin(model) is UnionType else model
    return model


def _is_section(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, Section)
