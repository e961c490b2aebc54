"""Runs the receiver on uvicorn, within limits that hold without a proxy before it."""

import asyncio
import logging

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 800
"""Under the 1,024 open files that many systems allow."""
HEADER_SECONDS = 10
KEEP_ALIVE_SECONDS = 5
STOP_SECONDS = 15
"""More than a body may take: what is being sent when the receiver is stopped is still answered."""


class _InTime(H11Protocol):
    """Ends connections that send no whole request headers; uvicorn waits for them for ever (its issue 157)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def _watch(self, before: object = None) -> None:
        """Looks again and again: whoever still waits for the same request's headers as last time is too slow."""
        waits = self.cycle is None or self.cycle.response_complete
        if waits and before == (self.cycle,):
            self.transport.close()
            return
        self._timer = self.loop.call_later(HEADER_SECONDS, self._watch, (self.cycle,) if waits else None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)


def config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How the receiver is served."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_InTime,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=16_384,
    )


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serves until SIGTERM or Ctrl-C; requests that have begun are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.Server(config(app, host, port)).run()
