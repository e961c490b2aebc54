"""The forges: whether their token is taken, what it may do as far as the forge tells, when it ends, and the branch's rules."""

import datetime
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from deployments.doctor import clock
from deployments.doctor.finding import Finding, ok, warning, wrong
from tasks.config.forge import Forge
from tasks.config.model import Config
from tasks.forge.failures import RIGHTS, where
from tasks.forge.token import read_token

AREA = "forge"
ANSWER_SECONDS = 10
SOON_DAYS = 14
DEVELOPER = 30
"""GitLab's access level that may push to branches that are not protected. Source: GitLab Docs, "Project members API"."""


def look(config: Config) -> Iterator[Finding]:
    """The GitOps repository's forge, where rings are pull requests, and the app's, where statuses are told."""
    if config.app.forge:
        yield from _asked(config.app.forge, None)
    if config.gitops.forge:
        by_request = all(ring.pull_request for ring in config.rings)
        yield from _asked(config.gitops.forge, None if by_request else config.gitops.branch)


def _asked(settings: Forge, pushed: str | None) -> Iterator[Finding]:
    """`pushed`: the branch that releases push to, whose rules are looked at."""
    context = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
    with httpx.Client(headers=_headers(settings), timeout=ANSWER_SECONDS, verify=context) as client:
        try:
            answer = client.get(_project(settings))
            yield from clock.compare(AREA, settings.kind, answer.headers)
            if answer.status_code != httpx.codes.OK:
                yield wrong(
                    AREA,
                    f"{where(settings)}: the token is not taken: HTTP {answer.status_code}",
                    f"make a new one with {RIGHTS[settings.kind]}",
                )
                return
            yield from LOOKS[settings.kind](settings, client, answer)
            if pushed:
                yield from _branch(settings, client, pushed)
        except httpx.TransportError as error:
            yield wrong(
                AREA, f"{where(settings)} does not answer: {type(error).__name__}", "check address, network, ca_file"
            )


def _github(settings: Forge, client: httpx.Client, answer: httpx.Response) -> Iterator[Finding]:
    """Classic tokens tell their scopes; what a fine-grained one may do is told by no route."""
    yield _may_push(settings, bool((answer.json().get("permissions") or {}).get("push")))
    scopes = answer.headers.get("x-oauth-scopes")
    if scopes and "repo" not in [s.strip() for s in scopes.split(",")]:
        yield wrong(AREA, f"{where(settings)}: the token has the scopes {scopes}", "add the scope repo")
    yield from _expiry(settings, answer.headers.get("github-authentication-token-expiration", "")[:10])


def _gitlab(settings: Forge, client: httpx.Client, answer: httpx.Response) -> Iterator[Finding]:
    """Every kind of GitLab token can look at itself. Source: GitLab Docs, "Personal access tokens API"."""
    levels = [(a or {}).get("access_level", 0) for a in (answer.json().get("permissions") or {}).values()]
    yield _may_push(settings, max(levels, default=0) >= DEVELOPER)
    own = client.get(f"{_base(settings)}/personal_access_tokens/self")
    if own.status_code != httpx.codes.OK:
        return
    token: Mapping[str, Any] = own.json()
    if "api" not in token.get("scopes", []):
        yield wrong(
            AREA, f"{where(settings)}: the token has the scopes {', '.join(token['scopes'])}", "add the scope api"
        )
    yield from _expiry(settings, str(token.get("expires_at") or ""))


def _gitea(settings: Forge, client: httpx.Client, answer: httpx.Response) -> Iterator[Finding]:
    """The token's scopes are told by no route."""
    yield _may_push(settings, bool((answer.json().get("permissions") or {}).get("push")))


LOOKS: Mapping[str, Callable[[Forge, httpx.Client, httpx.Response], Iterator[Finding]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "gitea": _gitea,
}


def _branch(settings: Forge, client: httpx.Client, branch: str) -> Iterator[Finding]:
    """Rules of the branch that releases push to. GitLab and Gitea say whether this token may push, GitHub only that there are some."""
    part = "repository/branches" if settings.kind == "gitlab" else "branches"
    answer = client.get(f"{_project(settings)}/{part}/{quote(branch, safe='')}")
    if answer.status_code != httpx.codes.OK:
        return
    found: Mapping[str, Any] = answer.json()
    may = found.get("can_push", found.get("user_can_push"))
    if may is False:
        step = "let its rules allow the token's user, or make the rings pull requests"
        yield wrong(AREA, f"{where(settings)}: {branch} is protected from this token's pushes", step)
    elif found.get("protected") and may is None:
        step = "see that its rules let the token's user push, or make the rings pull requests"
        yield warning(AREA, f"{where(settings)}: {branch} is protected, from whom is not told", step)
    else:
        yield ok(AREA, f"{where(settings)}: {branch} takes pushes")


def _may_push(settings: Forge, may: bool) -> Finding:
    if may:
        return ok(AREA, f"{where(settings)}: the token's user may write")
    return wrong(AREA, f"{where(settings)}: the token's user may only read", f"give it {RIGHTS[settings.kind]}")


def _expiry(settings: Forge, day: str) -> Iterator[Finding]:
    """`day` as 2026-12-31; empty for a token that never ends."""
    try:
        ends = datetime.date.fromisoformat(day)
    except ValueError:
        return
    left = (ends - datetime.datetime.now(datetime.UTC).date()).days
    if left < SOON_DAYS:
        yield warning(AREA, f"{where(settings)}: the token ends on {day}, in {left} days", "make a new one in time")


def _headers(settings: Forge) -> dict[str, str]:
    token = read_token(settings)
    if settings.kind == "gitlab":
        return {"PRIVATE-TOKEN": token}
    return {"Authorization": f"{'Bearer' if settings.kind == 'github' else 'token'} {token}"}


def _base(settings: Forge) -> str:
    common = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
    url = (settings.url or common.get(settings.kind, "")).rstrip("/")
    path = {"gitlab": "/api/v4", "gitea": "/api/v1"}.get(settings.kind, "")
    return f"{url.removesuffix(path)}{path}"


def _project(settings: Forge) -> str:
    if settings.kind == "gitlab":
        return f"{_base(settings)}/projects/{quote(settings.project, safe='')}"
    return f"{_base(settings)}/repos/{settings.project}"
