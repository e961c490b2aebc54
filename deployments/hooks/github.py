"""GitHub, and GitHub Enterprise Server.

Source: GitHub Docs, "Validating webhook deliveries" and "Webhook events and payloads", push.
"""

from deployments.hooks.answers import Ignored
from deployments.hooks.delivery import Delivery, Push, is_signed
from deployments.hooks.payload import document_or_form, text


def is_authentic(delivery: Delivery, secrets: tuple[str, ...]) -> bool:
    """By X-Hub-Signature-256; the older header with SHA-1 is not looked at."""
    return is_signed(delivery, "x-hub-signature-256", secrets, b"sha256=")


def pushes(delivery: Delivery) -> list[Push]:
    """What was pushed. Raises `Ignored` for another event, `Rejected` for what cannot be read."""
    if delivery.event("x-github-event") != "push":
        raise Ignored("only the event push starts a release")
    payload = document_or_form(delivery)
    return [Push(text(payload, "repository", "full_name"), text(payload, "ref"), text(payload, "after"))]
