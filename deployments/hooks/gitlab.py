"""GitLab: a secret token that is sent as it is, or (GitLab 19) a signing token by Standard Webhooks.

Source: GitLab Docs, "Webhooks" and "Webhook events", push events; the Standard Webhooks specification 1.0.
"""

import re

from standardwebhooks import Webhook, WebhookVerificationError

from deployments.hooks.answers import Ignored
from deployments.hooks.delivery import Delivery, Push, is_one_of
from deployments.hooks.payload import document, text, value_at

SIGNING = "whsec_"
SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
# Base64 of 32 bytes, of which the last character has two bits that mean nothing and are zero.
ONE = r"v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
# The package reads both with more tolerance than the specification writes them.
STRICT = {
    "webhook-timestamp": re.compile(rb"[0-9]{1,12}"),
    "webhook-signature": re.compile(f"{ONE}(?: {ONE}){{0,9}}".encode()),
}


def is_authentic(delivery: Delivery, secrets: tuple[str, ...]) -> bool:
    """By the signing tokens among the secrets, within five minutes of the clock; else by the secret tokens."""
    tokens = tuple(s for s in secrets if not s.startswith(SIGNING))
    signed = any(_is_signed(delivery, s) for s in secrets if s.startswith(SIGNING))
    return signed or is_one_of(delivery.only("x-gitlab-token"), tokens)


def _is_signed(delivery: Delivery, secret: str) -> bool:
    headers = {name: delivery.only(name) for name in SIGNED_HEADERS}
    if any(value is None or not STRICT.get(n, re.compile(b".+")).fullmatch(value) for n, value in headers.items()):
        return False
    try:
        given = {name: (value or b"").decode("latin-1") for name, value in headers.items()}
        Webhook(secret).verify(delivery.body, given, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def pushes(delivery: Delivery) -> list[Push]:
    """What was pushed. Raises `Ignored` for another event, `Rejected` for what cannot be read."""
    if delivery.event("x-gitlab-event") != "Push Hook":
        raise Ignored("only the event Push Hook starts a release")
    payload = document(delivery)
    name = text(payload, "project", "path_with_namespace")
    return [Push(name, text(payload, "ref"), value_at(payload, "after"))]
