"""Whether a Prefect server asks for credentials: whoever reaches an open one can start releases and read every log."""

import os
from urllib.parse import urlsplit

import httpx

from tasks.errors import ReleaseRefused, ServiceUnavailable

ANSWER_SECONDS = 10
# Behind authentication like everything but health, readiness and the UI's files; it only says the version.
ROUTE = "/admin/version"
REFUSED = (401, 403)
ALLOW = "SLIPWAY_ALLOW_NO_AUTH"
SHORTEST = 20


def require_authentication(api_url: str) -> None:
    """Asks the API without credentials. Raises `ReleaseRefused` when it answers, unless SLIPWAY_ALLOW_NO_AUTH is 1.

    Raises `ServiceUnavailable` when nobody answers there.
    """
    if is_open(api_url) and os.environ.get(ALLOW) != "1":
        raise ReleaseRefused.because(
            "the Prefect API answers without credentials: anyone who reaches it can start releases and read every log",
            _shown(api_url),
            "set PREFECT_SERVER_API_AUTH_STRING on the server and PREFECT_API_AUTH_STRING here; "
            f"{ALLOW}=1 starts without, on a machine that nobody else reaches",
        )


def is_open(api_url: str) -> bool:
    """Whether the API answers without credentials. Raises `ServiceUnavailable` when it does not answer at all."""
    return _ask(_shown(api_url), None).status_code not in REFUSED


def version(api_url: str, auth_string: str | None) -> str:
    """The server's version, asked with credentials (`user:password`), which shows that they are the right ones.

    Raises `ReleaseRefused` when they are refused, `ServiceUnavailable` when there is no answer.
    """
    answer = _ask(api_url, auth_string)
    if answer.status_code in REFUSED:
        raise ReleaseRefused.because(
            "the Prefect API does not accept our credentials" if auth_string else "the Prefect API wants credentials",
            _shown(api_url),
            "set PREFECT_API_AUTH_STRING to what PREFECT_SERVER_API_AUTH_STRING is on the server",
        )
    return str(answer.json())


def require_strong(auth_string: str) -> None:
    """Raises `ReleaseRefused` for what is no `user:password` of at least 20 characters; never shows it."""
    user, _, password = auth_string.partition(":")
    if not user or not password or len(auth_string) < SHORTEST:
        raise ReleaseRefused.because(
            "the Prefect server's credentials are missing or too short",
            "PREFECT_SERVER_API_AUTH_STRING",
            f'write user:password, at least {SHORTEST} characters: echo "slipway:$(openssl rand -hex 24)" makes one; '
            f"{ALLOW}=1 starts without, on a machine that nobody else reaches",
        )


def _ask(api_url: str, auth_string: str | None) -> httpx.Response:
    """One GET of a route that changes nothing; a redirect is not followed, as credentials must not be."""
    user, _, password = (auth_string or "").partition(":")
    try:
        answer = httpx.get(
            f"{api_url.rstrip('/')}{ROUTE}", auth=(user, password) if auth_string else None, timeout=ANSWER_SECONDS
        )
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ServiceUnavailable.because(
            f"the Prefect API does not answer: {error or type(error).__name__}",
            _shown(api_url),
            "start the server, or correct PREFECT_API_URL",
        ) from error
    if answer.status_code not in (200, *REFUSED):
        raise ServiceUnavailable.because(
            f"no Prefect API answers here: HTTP {answer.status_code}",
            _shown(api_url),
            "let PREFECT_API_URL end with /api and point at the server",
        )
    return answer


def _shown(url: str) -> str:
    """The address without a password that somebody may have put into it."""
    parts = urlsplit(url)
    return url.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else url
