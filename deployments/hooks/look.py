"""Where an app's branch is, and in which order its commits came: asked of the repository itself, never of a sender."""

import asyncio
from concurrent.futures import Executor

from tasks.config.app import App
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.git import Mirror

SECONDS = 15


class Repository:
    """An app's repository. One git at a time: one that hangs must not gather others behind it."""

    def __init__(self, app: App, threads: Executor) -> None:
        self.app, self._threads = app, threads
        self._looking: asyncio.Future[str | None] | None = None

    async def tip(self) -> str | None:
        """The commit that the branch is at; None when there is no such branch. Raises `ServiceUnavailable`."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._threads, self._tip)
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            raise ServiceUnavailable.because(
                f"the repository did not answer within {SECONDS} s", self.app.repository, "see whether it is reachable"
            ) from None

    async def newest(self, commits: list[str]) -> list[str]:
        """The commits without those that come before another one of them on the branch. Raises `ServiceUnavailable`.

        Commits that are not on the branch stay: the release says so itself.
        """
        loop = asyncio.get_running_loop()
        line = await loop.run_in_executor(self._threads, self._line)
        on_branch = [c for c in line if c in set(commits)]
        return [c for c in dict.fromkeys(commits) if c not in on_branch[1:]]

    def _tip(self) -> str | None:
        try:
            return Mirror.open(self.app.repository).remote_head(self.app.branch)
        except OSError as error:
            raise ServiceUnavailable.because(
                f"git cannot be run: {error.strerror}", self.app.repository, "make room or mend the disk"
            ) from error

    def _line(self) -> list[str]:
        """The branch's first-parent line, newest first."""
        try:
            mirror = Mirror.open(self.app.repository)
            return mirror.run("rev-list", "--first-parent", mirror.fetch(self.app.branch)).split()
        except (SlipwayError, OSError) as error:
            raise ServiceUnavailable.because(
                f"the order of the commits cannot be seen: {error}", self.app.repository, "see whether it is reachable"
            ) from error
