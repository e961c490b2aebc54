"""Bitbucket Cloud and Bitbucket Data Center. One push may move several branches, and each sends one delivery for all.

Source: Bitbucket Cloud, "Event payloads", repo:push; Bitbucket Data Center, "Event payload", repo:refs_changed.
"""

from typing import Any

from deployments.hooks.answers import Ignored
from deployments.hooks.delivery import Delivery, Push, is_signed
from deployments.hooks.payload import document, items, text, value_at


def is_authentic(delivery: Delivery, secrets: tuple[str, ...]) -> bool:
    """By X-Hub-Signature, which is SHA-256 here."""
    return is_signed(delivery, "x-hub-signature", secrets, b"sha256=")


def pushes(delivery: Delivery) -> list[Push]:
    """What was pushed. Raises `Ignored` for another event, `Rejected` for what cannot be read."""
    match delivery.event("x-event-key"):
        case "repo:push":
            return _of_cloud(document(delivery))
        case "repo:refs_changed":
            return _of_data_center(document(delivery))
    raise Ignored("only the events repo:push and repo:refs_changed start a release")


def _of_cloud(payload: dict[str, Any]) -> list[Push]:
    name = text(payload, "repository", "full_name")
    return [_change(name, change) for change in items(payload, "push", "changes")]


def _change(name: str, change: Any) -> Push:
    """`new` is null for a branch that was deleted; then `old` says which."""
    new = value_at(change, "new")
    side = new if new is not None else value_at(change, "old")
    prefix = "refs/heads/" if text(side, "type") == "branch" else "refs/tags/"
    return Push(name, prefix + text(side, "name"), None if new is None else text(new, "target", "hash"))


def _of_data_center(payload: dict[str, Any]) -> list[Push]:
    name = f"{text(payload, 'repository', 'project', 'key')}/{text(payload, 'repository', 'slug')}"
    changes = items(payload, "changes")
    return [Push(name, text(change, "ref", "id"), text(change, "toHash")) for change in changes]
