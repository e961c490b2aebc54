"""The webhook receiver: an authenticated hint that main has moved becomes a run of the release deployment.

The signature is checked over the raw body before anything is parsed. From the body only ref, commit and repository
name are read; the commit itself is read from the repository by the flow.
"""

import hmac
import json
import logging
import os
import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from tasks.config_file import load_config

log = logging.getLogger(__name__)
MAX_BYTES = 2_000_000
SHORTEST_SECRET = 16
DEPLOYMENT = "release/release"
COMMIT = re.compile(r"[0-9a-f]{40}")
NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Hook:
    """What a delivery must agree with, from the operator's side."""

    secret: bytes
    repository: str
    ref: str


class Ignored(Exception):
    """A delivery in order that starts nothing; its text says why."""


class Rejected(Exception):
    """A delivery that is not in order: HTTP status and what is wrong, without a word about the configuration."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title


def make_app() -> FastAPI:
    """The ASGI app. Refuses to start without a secret of at least 16 characters in SLIPWAY_WEBHOOK_SECRET."""
    hook = hook_from_environment()
    app = FastAPI(title="Slipway webhook", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/hooks/github")
    async def github(request: Request) -> JSONResponse:
        try:
            body = await _body(request)
            _authenticate(hook, body, request.headers.getlist("x-hub-signature-256"))
            commit = commit_of(
                hook, request.headers.get("x-github-event", ""), request.headers.get("content-type", ""), body
            )
            run = await _start(hook, commit)
        except Ignored as ignored:
            return JSONResponse({"ignored": str(ignored)})
        except Rejected as rejected:
            return JSONResponse(
                {"title": rejected.title, "status": rejected.status},
                status_code=rejected.status,
                media_type="application/problem+json",
            )
        return JSONResponse({"run": run, "commit": commit}, status_code=202)

    return app


def hook_from_environment() -> Hook:
    """SLIPWAY_WEBHOOK_SECRET, SLIPWAY_WEBHOOK_REPOSITORY (`owner/name`) and the branch of release.yaml."""
    secret, repository = os.environ.get("SLIPWAY_WEBHOOK_SECRET", ""), os.environ.get("SLIPWAY_WEBHOOK_REPOSITORY", "")
    if len(secret) < SHORTEST_SECRET:
        raise SystemExit(
            f"SLIPWAY_WEBHOOK_SECRET must have at least {SHORTEST_SECRET} characters: anyone could start releases otherwise"
        )
    if not repository:
        raise SystemExit("SLIPWAY_WEBHOOK_REPOSITORY must name the app's repository as the forge does: owner/name")
    return Hook(secret.encode(), repository, f"refs/heads/{load_config().app.branch}")


async def _body(request: Request) -> bytes:
    """The raw body, never more than the limit of it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Rejected(413, "the body is too large")
    return bytes(body)


def _authenticate(hook: Hook, body: bytes, signatures: list[str]) -> None:
    """Constant time, on bytes: compare_digest raises on text outside ASCII."""
    expected = b"sha256=" + hmac.new(hook.secret, body, "sha256").hexdigest().encode()
    if len(signatures) != 1 or not hmac.compare_digest(signatures[0].encode("utf-8", "surrogateescape"), expected):
        raise Rejected(401, "the signature is missing or wrong")


def commit_of(hook: Hook, event: str, content_type: str, body: bytes) -> str:
    """The commit that a signed delivery says main is at. Raises `Ignored` or `Rejected`."""
    if event != "push":
        raise Ignored(f"the event is {event[:40]!r}, only push starts a release")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Rejected(415, "send application/json")
    payload = _json(body)
    ref, commit, name = payload.get("ref"), payload.get("after"), _dict(payload.get("repository")).get("full_name")
    if name != hook.repository:
        raise Ignored("the push is of another repository")
    if ref != hook.ref:
        raise Ignored("the push is to another branch or a tag")
    if commit == NO_COMMIT:
        raise Ignored("the branch was deleted")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise Rejected(400, "after is not a commit id")
    return commit


def _json(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected(400, "the body is not JSON") from None
    return _dict(payload)


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Rejected(400, "the body is not shaped like a push")
    return value


async def _start(hook: Hook, commit: str) -> str:
    """One run per repository and commit, however often the forge tells it: the key is Prefect's, in its database."""
    import httpx
    from prefect import get_client
    from prefect.exceptions import PrefectException

    try:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(DEPLOYMENT)
            run = await client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"request": {"commit": commit}},
                idempotency_key=f"push:{hook.repository}:{commit}",
            )
    except (httpx.HTTPError, PrefectException) as error:
        log.error("the Prefect server took no run: %s", error)
        raise Rejected(503, "the release could not be started; send the delivery again") from error
    return str(run.id)
