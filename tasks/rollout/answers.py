"""Servers' answers, sorted into what ends a wait, what only delays it, and what is not there."""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.rollout.sight import told

DELAYED = {408, 409, 423, 425, 429}
LONGEST_BODY = 64_000_000


class Busy(ServiceUnavailable):
    """The server asks to be left alone for a while: `seconds` as its Retry-After says."""

    seconds: float = 0


class NotThere(SlipwayError):
    """HTTP 404: the object, or the kind of object, is not there; it may be made later."""


def check(status: int, headers: Mapping[str, str], body: bytes | str, where: str, right: str) -> None:
    """Returns for a 2xx; otherwise raises what the status means. `right` is what the token must be allowed to do.

    `ReleaseRefused` for what asking again cannot change (redirects, 401, 403, other 4xx), `Busy` for 429 and 503 with
    a Retry-After, `ServiceUnavailable` for the rest of 5xx and for conflicts, `NotThere` for 404.
    """
    if 200 <= status < 300:
        return
    said = told(_message(body))
    what = f"HTTP {status}" + (f": {said}" if said else "")
    if status == 404:
        raise NotThere.because(what, where)
    if status == 401:
        raise ReleaseRefused.because(f"the token is not accepted ({what})", where, "renew the token and start again")
    if status == 403:
        raise ReleaseRefused.because(
            f"the token lacks the right to {right} ({what})", where, f"give it the right to {right}, then start again"
        )
    if 300 <= status < 400:
        raise ReleaseRefused.because(
            f"it redirects elsewhere (HTTP {status}), and a token is not sent after a redirect",
            where,
            "write the address that answers itself into release.yaml",
        )
    if (seconds := _retry_after(headers)) is not None and (status in DELAYED or status >= 500):
        busy = Busy.because(f"asks to wait {seconds:g} s ({what})", where)
        busy.seconds = seconds  # type: ignore[attr-defined]
        raise busy
    if status in DELAYED or status >= 500:
        raise ServiceUnavailable.because(what, where)
    raise ReleaseRefused.because(f"does not understand the question ({what})", where, "check the rollout section")


def document(body: bytes | str, where: str) -> dict[str, Any]:
    """A JSON object. Raises `ServiceUnavailable` for anything else, because half an answer is the usual reason."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServiceUnavailable.because("an answer that is not JSON", where) from error
    if not isinstance(value, dict):
        raise ServiceUnavailable.because("an answer that is not a JSON object", where)
    return value


def unreachable(error: Exception, where: str) -> SlipwayError:
    """A connection's failure: terminal for a certificate that is not trusted, transient for everything else."""
    if _untrusted(error):
        return ReleaseRefused.because(
            "its certificate is not trusted", where, "name the authority that signed it in ca_file, then start again"
        )
    return ServiceUnavailable.because(f"no answer ({told(error) or type(error).__name__})", where)


def _message(body: bytes | str) -> object:
    """The sentence in an error's body: `message` with Argo CD and Kubernetes, else nothing (a proxy's HTML page)."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (value.get("message") or value.get("error")) if isinstance(value, dict) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3); None when it is missing or makes no sense."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _untrusted(error: object, depth: int = 0) -> bool:
    """Whether a certificate check is somewhere among the causes; HTTP libraries wrap it each in its own way."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    if depth > 8 or not isinstance(error, BaseException):
        return False
    causes = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    return any(_untrusted(cause, depth + 1) for cause in causes)
