"""What a forge's failing answer means: refused or unavailable, told with what, where and what to do next."""

import datetime
import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from tasks.command import printable
from tasks.config.forge import Forge
from tasks.errors import RateLimited, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.models import Reason

MESSAGE_CHARACTERS = 500
RETRY_SECONDS = 60.0
RIGHTS = {
    "github": "read and write for Contents and Pull requests (and Commit statuses) on this repository; classic: repo",
    "gitlab": "the scope api and a role that may merge into the base: Developer or Maintainer",
    "gitea": "the scopes write:repository and write:issue, and write access to the repository",
}


class ForgeRefused(ReleaseRefused):
    """The forge said no; `status` is its HTTP status."""

    def __init__(self, *reasons: Reason | str, status: int = 0) -> None:
        super().__init__(*reasons)
        self.status = status


class Failures:
    """Makes the errors of one client; keeps its token out of whatever a server says."""

    def __init__(self, settings: Forge, token: str) -> None:
        self._settings, self._token = settings, token

    def answered(
        self, doing: str, status: int, headers: Mapping[str, str], body: Any, *, limited: bool = False
    ) -> SlipwayError:
        """The error for an answer that is not a success. `limited`: the client knows that it is a rate limit.

        GitHub tells a rate limit as 403 with Retry-After or no requests left.
        Source: GitHub REST API, "Rate limits for the REST API", "Exceeding the rate limit".
        """
        known = {name.lower(): value for name, value in headers.items()}
        limited = limited or (status == 403 and ("retry-after" in known or known.get("x-ratelimit-remaining") == "0"))
        words = message(body).replace(self._token, "***") or "no reason was given"
        told, place = f"{doing}: {words} (HTTP {status})", where(self._settings)
        if status == 429 or limited:
            seconds = wait_seconds(known)
            reason = Reason(
                what=told, where=place, next_step=f"wait {seconds:.0f} s; nothing is wrong with the release"
            )
            return RateLimited(reason, retry_after_seconds=seconds)
        if status >= 500 or status == 408:
            return ServiceUnavailable.because(told, place, "see whether the forge is up; the step is safe to repeat")
        return ForgeRefused(Reason(what=told, where=place, next_step=_next_step(self._settings, status)), status=status)

    def unreachable(self, doing: str, error: Exception) -> ServiceUnavailable:
        """No whole answer came: no connection, a cut one, a time-out, or a certificate that nobody vouches for."""
        return ServiceUnavailable.because(
            f"{doing}: no answer from the forge ({type(error).__name__})",
            where(self._settings),
            "check the address, the network and ca_file; the step is safe to repeat",
        )

    def nonsense(self, doing: str) -> ServiceUnavailable:
        """The answer was a success but not what the API promises, as from a proxy's own page."""
        return ServiceUnavailable.because(
            f"{doing}: the answer is not what the API of {self._settings.kind} gives",
            where(self._settings),
            "check that gitops.forge.url is the API and not a page or a proxy in front of it",
        )


def where(settings: Forge) -> str:
    """The repository on its forge, in words."""
    return f"{settings.project} on {settings.url or settings.kind + '.com'}"


def message(body: Any) -> str:
    """The forge's own words, from any of the forms that the three use: text, `message`, `error`, lists, by field."""
    if isinstance(body, bytes | str):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        try:
            body = json.loads(text)
        except ValueError:
            return printable("" if "<" in text else text.strip())[:MESSAGE_CHARACTERS]
    return printable("; ".join(dict.fromkeys(_texts(body))))[:MESSAGE_CHARACTERS]


def wait_seconds(headers: Mapping[str, str]) -> float:
    """How long to wait: Retry-After as seconds or date, else the moment of the limit's reset, else a minute."""
    now = datetime.datetime.now(datetime.UTC).timestamp()
    stated = headers.get("retry-after", "")
    if stated.isdigit():
        return float(stated)
    if stated:
        try:
            return max(0.0, parsedate_to_datetime(stated).timestamp() - now)
        except ValueError:
            return RETRY_SECONDS
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    return max(1.0, float(reset) - now) if reset.isdigit() else RETRY_SECONDS


def _next_step(settings: Forge, status: int) -> str:
    held = settings.token_file or f"${settings.token_env}"
    if 300 <= status < 400:
        return "the repository or the server has moved: correct gitops.forge.url and project in release.yaml"
    return {
        401: f"put a valid token into {held}; it needs {RIGHTS[settings.kind]}",
        403: f"give the token in {held} its rights: {RIGHTS[settings.kind]}",
        404: f"check gitops.forge.project, and that the token in {held} may see it: {RIGHTS[settings.kind]}",
        409: "look at the pull request; start the release again to plan from the newest base",
        423: "the repository is archived or locked: unlock it",
    }.get(status, "mend what the forge says, then start this step again")


def _texts(body: Any) -> list[str]:
    if isinstance(body, str):
        return [body]
    if isinstance(body, list):
        return [text for item in body for text in _texts(item)]
    if not isinstance(body, dict):
        return []
    named = [key for key in ("message", "error", "errors") if key in body]
    if named:
        return [text for key in named for text in _texts(body[key])]
    # {"title": ["is too long"]}, or GitHub's {"resource": ..., "field": ..., "code": ...}
    return [f"{key} {text}" for key, value in body.items() for text in _texts(value)]
