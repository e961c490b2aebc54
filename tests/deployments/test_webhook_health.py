"""A probe is answered whatever the pages beside the receiver wait for."""

import asyncio
import threading

import anyio.to_thread
import httpx
from fastapi import FastAPI

from deployments import webhook
from deployments.hooks.receiver import Receiver


def test_health_waits_for_no_thread() -> None:
    app, slow = FastAPI(), threading.Event()
    app.include_router(webhook._state(Receiver({})))

    async def ask() -> httpx.Response:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        page = asyncio.create_task(anyio.to_thread.run_sync(slow.wait))
        await asyncio.sleep(0.05)
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver") as client:
                return await asyncio.wait_for(client.get("/health"), 5)
        finally:
            slow.set()
            await page

    assert asyncio.run(ask()).json()["status"] == "ok"
