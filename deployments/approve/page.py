"""The page behind the link in a notification: the plan, and two buttons. Looking never answers: mail scanners follow links."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from deployments.approve import command as approve
from deployments.approve.html import STYLE, answered_page, question_page, refusal_page
from deployments.hooks.answers import Rejected
from deployments.hooks.body import SECONDS, Bodies
from tasks.config.model import Config
from tasks.errors import ConfigInvalid, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.run.approval_link import Claim, NotOurs, read

log = logging.getLogger(__name__)
MAX_BYTES = 20_000
LONGEST_TOKEN = 2000
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # The address is as good as the person's word: no page that is opened from here may learn it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def router(configs: Iterable[Config]) -> APIRouter:
    """`GET` and `POST /approve/{token}` for every app whose `approval.link` is set.

    The form's address is the signed link itself, so no other site can send it. Keep these addresses out of access logs.
    """
    linked, routes, bodies = [c for c in configs if c.approval.link], APIRouter(), Bodies(MAX_BYTES, SECONDS)

    @routes.get("/approve/{token}", response_class=HTMLResponse)
    def look(token: str) -> Response:
        return _told(lambda: _look(linked, token))

    @routes.post("/approve/{token}", response_class=HTMLResponse)
    async def send(token: str, request: Request) -> Response:
        try:
            body = await bodies.read(request)
        except Rejected as rejected:
            page = refusal_page(rejected.title, "Open the link again, and answer with a shorter note.")
            return _page(page, rejected.status, rejected.headers)
        return await run_in_threadpool(_told, lambda: _send(linked, token, body))

    return routes


def _look(configs: list[Config], token: str) -> Response:
    config, claim = _claim(configs, token)
    try:
        return _page(question_page(_shown(claim), claim.by))
    except ReleaseRefused:
        if (given := approve.answered(claim.run, claim.ring, claim.plan)) is None:
            raise
    ui = config.addresses.prefect
    return _page(answered_page(given, f"{ui.rstrip('/')}/runs/flow-run/{given.run}" if ui else given.url))


def _send(configs: list[Config], token: str, body: bytes) -> Response:
    """Sends the answer, then shows the page again, so that a reload sends nothing."""
    (_, claim), said = _claim(configs, token), _fields(body)
    decision = said.get("decision", "")
    if decision not in ("approve", "reject"):
        raise ConfigInvalid.because("nothing was decided", "", "press one of the two buttons")
    try:
        approve.answer(_shown(claim), decision, claim.by or said.get("by", ""), said.get("note", ""))  # type: ignore[arg-type]
    except ConfigInvalid:
        raise
    except ReleaseRefused:  # pressed twice, or somebody else was quicker: the page says what counts
        if approve.answered(claim.run, claim.ring, claim.plan) is None:
            raise
    return RedirectResponse(f"/approve/{token}", status_code=HTTPStatus.SEE_OTHER, headers=HEADERS)


def _claim(configs: list[Config], token: str) -> tuple[Config, Claim]:
    """What the link says, and the app whose secret signed it."""
    for config in configs if len(token) <= LONGEST_TOKEN else ():
        try:
            return config, read(config, token)
        except NotOurs:
            continue
        except ConfigInvalid as error:  # for the operator, not for the reader
            raise ServiceUnavailable(*error.reasons) from error
    raise NotOurs


def _shown(claim: Claim) -> approve.Waiting:
    """What the run asks, when it is what the link is for."""
    asks = approve.waiting(claim.run)
    if (asks.ring, asks.plan) != (claim.ring, claim.plan):
        raise ReleaseRefused.because(
            f"this link is for plan {claim.plan} of ring {claim.ring}, and the run asks for plan {asks.plan} of ring {asks.ring} by now",
            asks.url,
            "open the newest message, or answer on the run's page",
        )
    return asks


def _told(answer: Callable[[], Response]) -> Response:
    """The answer, or what is wrong in words."""
    try:
        return answer()
    except ServiceUnavailable as error:
        # Addresses of servers and places of files are for the operator, not for the reader.
        log.error("approval link: %s", error)
        return _page(
            refusal_page("your answer cannot be taken just now", "Try again later."), HTTPStatus.SERVICE_UNAVAILABLE
        )
    except SlipwayError as error:
        reason = error.reasons[0]
        codes = {NotOurs: HTTPStatus.NOT_FOUND, ConfigInvalid: HTTPStatus.UNPROCESSABLE_ENTITY}
        return _page(refusal_page(reason.what, reason.next_step), codes.get(type(error), HTTPStatus.CONFLICT))


def _page(html: str, code: int = HTTPStatus.OK, more: dict[str, str] | None = None) -> Response:
    return HTMLResponse(html, status_code=code, headers=HEADERS | (more or {}))


def _fields(body: bytes) -> dict[str, str]:
    try:
        return {k: v[-1] for k, v in parse_qs(body.decode(), max_num_fields=10).items()}
    except ValueError:  # not UTF-8, or more fields than the form has
        return {}
