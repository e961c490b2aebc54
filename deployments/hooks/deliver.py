"""From hints to runs: looks where the branch is, and asks Prefect for one release, as often as it takes."""

import asyncio
import logging
import random
import time

from deployments.hooks import runs
from deployments.hooks.apps import HookedApp
from deployments.hooks.look import Repository
from deployments.hooks.metrics import Metrics
from deployments.hooks.spool import Hint, Spool, Waiting
from tasks.errors import ServiceUnavailable

log = logging.getLogger(__name__)
FIRST_GAP, LONGEST_GAP = 2.0, 30.0
"""Seconds between two runs of one app: grows while pushes come one after the other, so that a thousand make a handful."""
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0
LOOK_AGAIN_SECONDS, APPEARS_SECONDS = 2.0, 60.0
"""How long a commit that the repository does not show yet is waited for: some forges send the hook first."""


class Deliverer:
    """One app's way from spool to Prefect. There is one task of it, so that nothing here happens twice at once."""

    def __init__(self, hooked: HookedApp, spool: Spool, repository: Repository, metrics: Metrics) -> None:
        self.hooked, self.spool, self.repository, self.metrics = hooked, spool, repository, metrics
        self._wake = asyncio.Event()
        self._gap, self._retry, self._not_before = FIRST_GAP, FIRST_RETRY, 0.0

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Delivers until it is cancelled; whatever fails is tried again."""
        pause: float | None = 0.0
        while True:
            await self._until_due(pause)
            try:
                pause = await self._deliver()
                self._retry = FIRST_RETRY
                self.metrics.delivered(self.hooked.name)
            except ServiceUnavailable as error:
                pause = self._later(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not lose what was promised
                log.exception("%s: not delivered", self.hooked.name)
                pause = self._later(error)

    async def _until_due(self, pause: float | None) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        self._wake.clear()

    def _later(self, error: Exception) -> float:
        """Seconds until the next try. New deliveries do not hasten it: a server that is down is not to be hammered."""
        self.metrics.failed(self.hooked.name)
        pause = self._retry * random.uniform(0.75, 1.25)  # noqa: S311 - spreads receivers, hides nothing
        self._retry = min(LONGEST_RETRY, self._retry * 2)
        self._not_before = time.monotonic() + pause
        log.error("%s: %d waiting, tried again in %.0f s: %s", self.hooked.name, self.spool.count, pause, error)
        return pause

    async def _deliver(self) -> float | None:
        """Makes runs of what waits. Returns the seconds until what is left is looked at again; None: nothing is left."""
        waiting = await asyncio.to_thread(self.spool.waiting)
        if not waiting:
            return None
        if self.hooked.is_exact:
            return await self._deliver_exactly(waiting)
        await self._remove(waiting[:-1])  # where the branch is now, the newest one knows as well as all of them
        return await self._deliver_branch(waiting[-1])

    async def _deliver_branch(self, newest: Waiting) -> float | None:
        asked = self.spool.asked
        try:
            tip = await self.repository.tip()
        except ServiceUnavailable as error:
            self.metrics.looked(self.hooked.name, well=False)
            log.warning("%s: the delivery is believed unseen: %s", self.hooked.name, error)
            # One that had its run before may be an old one that is sent again.
            return await self._ask_once(newest.hint.commit, [newest])
        self.metrics.looked(self.hooked.name, well=True)
        # A branch that only the poll has seen had no run; then the webhook counts.
        moved = tip != asked.last or (newest.hint.commit == tip and tip not in asked.commits)
        if tip and moved and not await self._has_run(tip, newest):
            await self._ask(tip, asked.commits.count(tip))
        if newest.hint.commit != tip and time.time() - newest.hint.received < APPEARS_SECONDS:
            return LOOK_AGAIN_SECONDS
        return await self._remove([newest])

    async def _deliver_exactly(self, waiting: list[Waiting]) -> None:
        """The commits that a CI job chose, without those that an other one of them has overtaken."""
        commits = list(dict.fromkeys(w.hint.commit for w in waiting))
        if len(commits) > 1:
            try:
                commits = await self.repository.newest(commits)
            except ServiceUnavailable as error:
                log.warning("%s: each delivery gets a run, as %s", self.hooked.name, error)
        await self._remove([w for w in waiting if w.hint.commit not in commits])
        for commit in commits:
            await self._ask_once(commit, [w for w in waiting if w.hint.commit == commit])

    async def _ask_once(self, commit: str, waiting: list[Waiting]) -> None:
        if commit not in self.spool.asked.commits:
            await self._ask(commit, 0)
        await self._remove(waiting)

    async def _has_run(self, tip: str, newest: Waiting) -> bool:
        """Whether somebody released the tip by hand, while no hook came."""
        if newest.hint.by != "poll" or await runs.newest(self.hooked.webhook.deployment) != tip:
            return False
        await asyncio.to_thread(self.spool.record, tip)
        return True

    async def _remove(self, waiting: list[Waiting]) -> None:
        await asyncio.to_thread(self.spool.remove, waiting)

    async def _ask(self, commit: str, times: int) -> None:
        """`times`: how often it had a run before, because the branch was put back to it; then it gets another one."""
        deployment = self.hooked.webhook.deployment
        # Prefect compares keys among all deployments of a flow: two apps of one repository must not share a run.
        key = f"push:{deployment}:{self.hooked.webhook.repository}:{commit}" + (f":{times}" if times else "")
        run = await runs.ask(deployment, commit, key)
        await asyncio.to_thread(self.spool.record, commit)
        self.metrics.asked(self.hooked.name)
        await runs.end_overtaken(self.hooked.config, deployment)
        log.info("%s: %s is run %s", self.hooked.name, commit[:7], run)
        now = time.monotonic()
        self._gap = FIRST_GAP if now - self._not_before > LONGEST_GAP else min(LONGEST_GAP, self._gap * 2)
        self._not_before = now + self._gap


async def poll(hooked: HookedApp, spool: Spool, repository: Repository) -> bool:
    """Looks at the branch once, and keeps a hint when it moved and nobody said so. Returns whether it did.

    At the first start the branch counts as dealt with, unless Prefect has runs: to install Slipway releases nothing.
    Raises `ServiceUnavailable` when repository or Prefect do not answer.
    """
    tip = await repository.tip()
    if tip is None or spool.count:  # what waits makes its own look
        return False
    last = spool.asked.last
    if last is None:
        ran = await runs.newest(hooked.webhook.deployment)
        last = ran or tip
        spool.record(last, run=ran is not None)
    if last == tip:
        return False
    log.warning("%s: the branch is at %s and no webhook said so", hooked.name, tip[:7])
    spool.add(Hint(commit=tip, by="poll", received=time.time()))
    return True
