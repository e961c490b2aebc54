"""Gitea and Forgejo.

Source: Gitea Documentation, "Webhooks"; Forgejo Documentation, "Webhooks". Both sign the JSON even when they send it in a
form, so that a form could be checked only after it was parsed: forms are not taken.
"""

from deployments.hooks.answers import Ignored
from deployments.hooks.delivery import Delivery, Push, is_signed
from deployments.hooks.payload import document, text


def is_authentic(delivery: Delivery, secrets: tuple[str, ...]) -> bool:
    """By X-Gitea-Signature, which Forgejo sends too; the prefix `sha256=` belongs to the copy for GitHub's receivers."""
    return is_signed(delivery, "x-gitea-signature", secrets)


def pushes(delivery: Delivery) -> list[Push]:
    """What was pushed. Raises `Ignored` for another event, `Rejected` for what cannot be read."""
    if delivery.event("x-gitea-event") != "push":
        raise Ignored("only the event push starts a release")
    payload = document(delivery)
    return [Push(text(payload, "repository", "full_name"), text(payload, "ref"), text(payload, "after"))]
