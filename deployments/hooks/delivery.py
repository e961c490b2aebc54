"""A delivery as it came, and what a provider reads out of it."""

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers


@dataclass(frozen=True)
class Delivery:
    """The request's headers, and its body byte by byte as it was signed."""

    headers: Headers
    body: bytes

    def only(self, name: str) -> bytes | None:
        """A header that must stand there exactly once; None when it does not, so that nobody can choose between two."""
        values = self.headers.getlist(name)
        return values[0].encode("latin-1") if len(values) == 1 else None

    def event(self, name: str) -> str:
        """What the sender calls the event; empty when it says none, or two."""
        return (self.only(name) or b"").decode("latin-1")

    @property
    def content_type(self) -> str:
        """`application/json`, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Push:
    """One branch or tag that was moved. None where the sender does not say; a commit that is None or zeros is a deletion."""

    repository: str | None
    ref: str | None
    commit: object


def is_signed(delivery: Delivery, header: str, secrets: tuple[str, ...], prefix: bytes = b"") -> bool:
    """Whether a header is the HMAC-SHA256 of the body with one of the secrets, in hexadecimal digits after the prefix."""
    given = delivery.only(header)
    return given is not None and any(
        _equal(given, prefix + hmac.new(secret.encode(), delivery.body, "sha256").hexdigest().encode())
        for secret in secrets
    )


def is_one_of(given: bytes | None, secrets: tuple[str, ...]) -> bool:
    """Whether a header is one of the secrets itself."""
    return given is not None and any(_equal(given, secret.encode()) for secret in secrets)


def _equal(given: bytes, expected: bytes) -> bool:
    # On bytes: with text outside ASCII compare_digest raises.
    return hmac.compare_digest(given, expected)
