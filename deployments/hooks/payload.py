"""Reads a body that has been authenticated: strict JSON, or a form with JSON in it."""

import json
from typing import Any, NoReturn
from urllib.parse import parse_qs

from deployments.hooks.answers import Rejected
from deployments.hooks.delivery import Delivery

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def document(delivery: Delivery) -> dict[str, Any]:
    """The JSON object of the body. Raises `Rejected`: 415 for another type, 400 for what is not one."""
    if delivery.content_type != JSON:
        raise Rejected(415, f"send {JSON}")
    return _object(delivery.body)


def document_or_form(delivery: Delivery) -> dict[str, Any]:
    """As `document`; or the field `payload` of a form, which is what GitHub sends unless told otherwise."""
    if delivery.content_type != FORM:
        return document(delivery)
    try:
        fields = parse_qs(delivery.body.decode("ascii"), strict_parsing=True, max_num_fields=4, errors="strict")
    except ValueError:
        raise Rejected(400, "the body is not a form") from None
    if len(fields.get("payload", ())) != 1:
        raise Rejected(400, "the form has no payload, or several")
    return _object(fields["payload"][0].encode())


def text(payload: dict[str, Any], *path: str) -> str:
    """The text at a path of keys. Raises `Rejected` when something else is there."""
    value = value_at(payload, *path)
    return value if isinstance(value, str) else shapeless()


def value_at(payload: Any, *path: str) -> Any:
    """What stands at a path of keys. Raises `Rejected` when there is no such path."""
    for key in path:
        if not isinstance(payload, dict) or key not in payload:
            shapeless()
        payload = payload[key]
    return payload


def items(payload: Any, *path: str) -> list[Any]:
    """The list at a path of keys. Raises `Rejected` when something else is there."""
    value = value_at(payload, *path)
    return value if isinstance(value, list) else shapeless()


def shapeless() -> NoReturn:
    """Raises `Rejected`: the sender is authentic, but this is no push of its kind."""
    raise Rejected(400, "the body is not shaped like a push of this sender")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Rejected(400, "the body is not JSON") from None
    return found if isinstance(found, dict) else shapeless()


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers may each take another one of two equal keys.
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
