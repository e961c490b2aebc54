"""The receiver: takes deliveries, keeps them, and runs what delivers and polls behind them."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request

from deployments.hooks import runs
from deployments.hooks.answers import Rejected
from deployments.hooks.apps import HookedApp
from deployments.hooks.body import Bodies
from deployments.hooks.deliver import Deliverer, poll
from deployments.hooks.delivery import Delivery
from deployments.hooks.look import Repository
from deployments.hooks.look_after import look_after
from deployments.hooks.metrics import Metrics
from deployments.hooks.providers import PROVIDERS
from deployments.hooks.spool import Hint, Spool
from tasks.errors import ConfigInvalid, ServiceUnavailable
from tasks.home import home

log = logging.getLogger(__name__)
RETRY = {"Retry-After": "60"}


@dataclass(frozen=True)
class Line:
    """One app with everything that belongs to it alone."""

    hooked: HookedApp
    spool: Spool
    repository: Repository
    deliverer: Deliverer


class Receiver:
    """All apps of one process."""

    def __init__(self, apps: dict[str, HookedApp]) -> None:
        self.metrics, self.bodies = Metrics(), Bodies()
        # Threads of their own: a git that hangs must not keep deliveries from the disk.
        self._disk = ThreadPoolExecutor(4, "disk")
        self._git = ThreadPoolExecutor(max(4, len(apps)), "git")
        self.lines = {name: self._line(hooked) for name, hooked in apps.items()}

    def _line(self, hooked: HookedApp) -> Line:
        spool, repository = Spool(home() / "spool" / hooked.name), Repository(hooked.app, self._git)
        return Line(hooked, spool, repository, Deliverer(hooked, spool, repository, self.metrics))

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Delivers and polls for the length of a block; what an earlier process left is delivered first."""
        work = [w for line in self.lines.values() for w in self._work(line)]
        tasks = [asyncio.create_task(w) for w in (_prepare(), self._watch(), *work)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._disk.shutdown(wait=False, cancel_futures=True)
            self._git.shutdown(wait=False, cancel_futures=True)

    def _work(self, line: Line) -> list:
        polling = [self._poll(line)] if line.hooked.webhook.poll_seconds else []
        return [line.deliverer.run(), *polling]

    async def _poll(self, line: Line) -> None:
        while True:
            try:
                found = await poll(line.hooked, line.spool, line.repository)
                self.metrics.looked(line.hooked.name, well=True)
                if found:
                    line.deliverer.wake()
            except Exception as error:  # noqa: BLE001 - the poll is the net: it must be there tomorrow too
                self.metrics.looked(line.hooked.name, well=False)
                log.warning("%s: the branch could not be looked at: %s", line.hooked.name, error)
            await asyncio.sleep(line.hooked.webhook.poll_seconds)

    async def _watch(self) -> None:
        """Gives up runs whose process is gone, and tells of those that ended without a word: in a thread, until it is cancelled."""
        stop = threading.Event()
        try:
            await asyncio.to_thread(look_after, [line.hooked for line in self.lines.values()], stop)
        finally:
            stop.set()

    async def take(self, line: Line, request: Request) -> str:
        """Takes one delivery and returns its commit once it is on disk. Raises `Ignored` or `Rejected`."""
        delivery = Delivery(request.headers, await self.bodies.read(request))
        provider = PROVIDERS[line.hooked.webhook.provider]
        if not provider.is_authentic(delivery, _secrets(line.hooked)):
            raise Rejected(401, "the signature or token is missing or wrong")
        commit = line.hooked.commit(provider.pushes(delivery))
        hint = Hint(commit=commit, by=line.hooked.webhook.provider, received=time.time())
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, line.spool.add, hint)
        except ServiceUnavailable as error:
            log.error("%s: a delivery was turned away: %s", line.hooked.name, error)
            raise Rejected(503, "the delivery cannot be kept now, send it again", RETRY) from error
        line.deliverer.wake()
        return commit

    def waiting(self) -> dict[str, tuple[int, float]]:
        """App -> how many deliveries are no run yet, and the age of the oldest in seconds."""
        return {name: (line.spool.count, line.spool.oldest_seconds()) for name, line in self.lines.items()}


async def _prepare() -> None:
    try:
        await runs.prepare()
    except ServiceUnavailable as error:
        log.error("%s", error)


def _secrets(hooked: HookedApp) -> tuple[str, ...]:
    try:
        return hooked.secrets()
    except ConfigInvalid as error:
        log.error("%s: a delivery was turned away: %s", hooked.name, error)
        raise Rejected(503, "the delivery cannot be checked now, send it again", RETRY) from error
