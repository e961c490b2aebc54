"""A CI job, or anybody who holds the token: `Authorization: Bearer TOKEN` and `{"commit": "40 hex digits"}`."""

from deployments.hooks.answers import Rejected
from deployments.hooks.delivery import Delivery, Push, is_one_of
from deployments.hooks.payload import document


def is_authentic(delivery: Delivery, secrets: tuple[str, ...]) -> bool:
    """By the token in the header Authorization."""
    scheme, _, token = (delivery.only("authorization") or b"").partition(b" ")
    return scheme.lower() == b"bearer" and is_one_of(token, secrets)


def pushes(delivery: Delivery) -> list[Push]:
    """The commit that is asked for. Raises `Rejected` when the body is anything else."""
    payload = document(delivery)
    if set(payload) != {"commit"}:
        raise Rejected(400, 'send {"commit": "..."} and nothing else')
    return [Push(None, None, payload["commit"])]
