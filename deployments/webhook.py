"""The webhook receiver: an authenticated hint that a branch has moved becomes a run of the release deployment.

A body is read within limits, then its signature is checked, then it is parsed; a delivery is on disk before it is answered
202. Which commit is released is read from the repository. See docs/webhooks.md.
"""

import logging
import time
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from deployments.approve import page as approve_page
from deployments.dashboard import app as dashboard
from deployments.dashboard.serve import names
from deployments.hooks.answers import CLOSE, Ignored, Rejected, problem
from deployments.hooks.apps import hooked_apps
from deployments.hooks.receiver import Line, Receiver
from tasks.config.model import Config

log = logging.getLogger(__name__)
QUIET_SECONDS = 10
"""A refused delivery is logged once in this time for each app: strangers do not fill the disk."""


def make_app() -> FastAPI:
    """The ASGI app, of the files that SLIPWAY_CONFIG names. Raises `ConfigInvalid` for one that is wrong or lets anyone in."""
    apps = hooked_apps()
    receiver, configs = Receiver(apps), [hooked.config for hooked in apps.values()]
    app = FastAPI(
        title="Slipway",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=receiver.running,
        exception_handlers={HTTPException: _of_status, Exception: _of_fault},
    )
    for router in (_hooks(receiver), _state(receiver), approve_page.router(configs)):
        app.include_router(router)
    app.mount("/dashboard", dashboard.make_app(configs, hosts=_names(configs)))
    return app


def _names(configs: Sequence[Config]) -> list[str]:
    """What a browser may call the dashboard by."""
    return [name for config in configs for name in names(config, "127.0.0.1", ())]


def _hooks(receiver: Receiver) -> APIRouter:
    router, refused = APIRouter(), dict.fromkeys(receiver.lines, 0.0)

    @router.post("/hooks/{name}")
    async def take(name: str, request: Request) -> Response:
        if (line := receiver.lines.get(name)) is None:
            return problem(404, headers=CLOSE)
        began = time.monotonic()
        outcome, answer = await _answer(receiver, line, request, refused)
        receiver.metrics.answered(name, outcome, time.monotonic() - began)
        return answer

    return router


async def _answer(
    receiver: Receiver, line: Line, request: Request, refused: dict[str, float]
) -> tuple[str, JSONResponse]:
    try:
        commit = await receiver.take(line, request)
    except Ignored as ignored:
        log.info("%s: ignored: %s", line.hooked.name, ignored)
        return "ignored", JSONResponse({"ignored": str(ignored)})
    except Rejected as rejected:
        if time.monotonic() - refused[line.hooked.name] > QUIET_SECONDS:
            refused[line.hooked.name] = time.monotonic()
            log.warning("%s: refused with %d: %s", line.hooked.name, rejected.status, rejected)
        return str(rejected.status), problem(rejected.status, rejected.title, rejected.headers)
    log.info("%s: accepted %s", line.hooked.name, commit[:7])
    return "accepted", JSONResponse({"accepted": commit}, 202)


def _state(receiver: Receiver) -> APIRouter:
    router = APIRouter()

    # Not in a thread: pages that wait for git or Prefect may hold them all, and a probe must not take the receiver away for that.
    @router.get("/health")
    async def health() -> dict[str, object]:
        """200 as long as deliveries are taken; what does not work behind them is told, without names."""
        told = receiver.metrics
        return {
            "status": "ok",
            "waiting": sum(line.spool.count for line in receiver.lines.values()),
            "prefect": "failing" if told.undelivered else "ok",
            "repository": "failing" if told.failing else "ok",
        }

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(receiver.metrics.text(receiver.waiting()), media_type=CONTENT_TYPE_LATEST)

    return router


async def _of_status(_: Request, error: Exception) -> Response:
    """What the router says itself: 404 and 405."""
    assert isinstance(error, HTTPException)  # noqa: S101
    return problem(error.status_code, headers=dict(error.headers or {}))


async def _of_fault(_: Request, error: Exception) -> Response:
    return problem(500)
