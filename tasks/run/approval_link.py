"""The link that a person approves with: signed, for one person, one plan of one ring of one run, and for a time."""

import hashlib

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from pydantic import ValidationError

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import Value
from tasks.secrets.secret import read_secret

PURPOSE = "slipway approval link"
SHORTEST_SECRET = 16


class Claim(Value):
    """What a link says; whoever has it may answer as `by`. An empty `by`: whoever gives a name."""

    app: str
    run: str
    ring: str
    plan: str
    by: str = ""


def link(config: Config, run: str, ring: str, plan_hash: str, name: str) -> str | None:
    """The address to send to one person; None when `approval.link` or `addresses.receiver` is not set.

    It is as good as the person's word until it ends with `approval.timeout`, so it goes to that person only and into no log.
    Raises `ConfigInvalid` when the secret cannot be read or is short.
    """
    if not config.approval.link or not config.addresses.receiver:
        return None
    claim = Claim(app=config.app.name, run=str(run), ring=ring, plan=plan_hash, by=name)
    token = _serializer(config).dumps(claim.model_dump(exclude_defaults=True))
    return f"{config.addresses.receiver.rstrip('/')}/approve/{token}"


def read(config: Config, token: str) -> Claim:
    """What a link says. Raises `ReleaseRefused` when it is not ours, was changed, or is too old."""
    try:
        said = _serializer(config).loads(token, max_age=config.approval.timeout)
        claim = Claim.model_validate(said)
    except SignatureExpired:
        raise ReleaseRefused.because(
            "this link is too old", "", "answer on the run's page, or retry the run for a new one"
        ) from None
    except (BadSignature, ValidationError):
        raise NotOurs from None
    if claim.app != config.app.name:
        raise NotOurs
    return claim


class NotOurs(ReleaseRefused):
    """A link that nobody here has signed, or that was changed on its way."""

    def __init__(self) -> None:
        super().__init__(
            *ReleaseRefused.because("this link is not valid", "", "open it as it stands in the message").reasons
        )


def _serializer(config: Config) -> URLSafeTimedSerializer:
    """HMAC-SHA256 under a key of its own for this purpose: nothing else that the secret signs can stand in."""
    if not config.approval.link:
        raise NotOurs
    secret = read_secret(config.approval.link, "approval links", SHORTEST_SECRET)
    # itsdangerous signs with SHA-1 unless told otherwise.
    how = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(secret, salt=PURPOSE, signer_kwargs=how)
