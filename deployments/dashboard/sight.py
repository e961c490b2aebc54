"""What the dashboard knows, and how old that is: one look at both repositories, shared by every request.

A look asks each remote where its branch is and reads only what is new. At most one runs at a time and one begins every few
seconds. Who asks meanwhile gets what is known; a remote that does not answer leaves it standing, with its age.
"""

import datetime
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from threading import Lock

from deployments.dashboard.main_line import MainLine, read_main
from deployments.dashboard.memory import Remembered, recall, remember
from tasks.config.app import App
from tasks.config.gitops import GitOps
from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.git import GitFailed, Mirror
from tasks.gitops.fleet import read_fleet
from tasks.gitops.history import History, read_history
from tasks.models import CommitId, Fleet

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
FIRST_SECONDS = 20.0
REASONS = 5


@dataclass(frozen=True)
class Seen:
    """Both repositories as they were at `at` (seconds since 1970), and what is in the way.

    `fleet` is None when there is nothing to show; `day` is the UTC date for which holds were judged; `silent` says that the
    GitOps repository did not answer.
    """

    at: float
    day: str
    tip: CommitId | None = None
    fleet: Fleet | None = None
    history: History | None = None
    main: MainLine = MainLine()
    silent: bool = False
    notices: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is a fleet to show."""
        return self.fleet is not None


class Sight:
    """Looks at the repositories of one app when somebody asks and the last look is some seconds ago."""

    def __init__(
        self, config: Config, every_seconds: float = EVERY_SECONDS, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.config, self.every_seconds, self.patience_seconds = config, every_seconds, patience_seconds
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"look-{config.app.name}")
        self._lock = Lock()
        self._looking: Future[None] | None = None
        self._begun = float("-inf")
        self._seen: Seen | None = None
        self.looks = 0

    def now(self) -> Seen | None:
        """What is known now; waits a moment for a look that is under way. None when the first one takes long.

        A look that fails leaves what is known; the first one raises what it failed with.
        """
        looking = self._look()
        wait_for([looking], self.patience_seconds if self._seen else FIRST_SECONDS)
        if looking.done() and (error := looking.exception()):
            log.error("%s: the look at the repositories failed: %s", self.config.app.name, error)
            if self._seen is None:
                raise error
            return replace(self._seen, silent=True, notices=("The last look failed; the dashboard's log says why.",))
        return self._seen

    def _look(self) -> Future[None]:
        with self._lock:
            under_way = self._looking is not None and not self._looking.done()
            if self._looking is None or (not under_way and time.monotonic() - self._begun >= self.every_seconds):
                self._begun, self.looks = time.monotonic(), self.looks + 1
                self._looking = self._pool.submit(self._refresh)
            return self._looking

    def _refresh(self) -> None:
        now = time.time()
        before = self._seen or Seen(at=now, day="")
        known = recall(self.config.app.name)
        gitops, silence = _tip(self.config.gitops, "The GitOps repository", before.tip or known.gitops)
        seen = _with_gitops(self.config, before, gitops, now)
        if silence:
            at = before.at if before.fleet else known.at or now
            seen = replace(seen, at=at, silent=True, notices=(silence, *seen.notices))
        app, silence = _tip(self.config.app, "The app's repository", before.main.tip or known.app)
        more = (f"{silence} Subjects and distances may be old or missing.",) if silence else ()
        self._seen = replace(seen, main=_main(self.config, before.main, app), notices=(*seen.notices, *more))
        if not seen.silent:
            remember(self.config.app.name, Remembered(gitops=gitops, app=app, at=now))


def _tip(place: GitOps | App, whose: str, known: CommitId | None) -> tuple[CommitId | None, str]:
    """Where a branch is, or was when that was known last, and why: what the remote says goes to the log, it may name addresses."""
    mirror = Mirror.open(place.repository)
    try:
        return mirror.tip(place.branch), ""
    except ServiceUnavailable as error:
        log.warning("%s", error)
        return (known if known and mirror.has_commit(known) else None), f"{whose} does not answer."
    except ReleaseRefused as error:
        log.warning("%s", error)
        return None, f"{whose} has no branch {place.branch}."


def _with_gitops(config: Config, before: Seen, tip: CommitId | None, now: float) -> Seen:
    """The fleet and the history at a tip; holds end by the day, so it is read again on another one."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
    seen = replace(before, at=now, day=day, tip=tip, silent=False, notices=())
    if tip is None:
        return replace(seen, fleet=None)
    if (tip, day) == (before.tip, before.day) and before.fleet:
        return seen
    try:
        fleet = read_fleet(config, tip)
    except ReleaseRefused as refused:
        return replace(seen, fleet=None, notices=(" ".join(f"{r.what}." for r in refused.reasons[:REASONS]),))
    mirror = Mirror.open(config.gitops.repository)
    return replace(seen, fleet=fleet, history=read_history(mirror, tip, before.history))


def _main(config: Config, before: MainLine, tip: CommitId | None) -> MainLine:
    """Without the app's repository there are no subjects and no distances; all else is there."""
    try:
        return read_main(Mirror.open(config.app.repository), tip, before) if tip else before
    except GitFailed as error:
        log.warning("%s", error)
        return before
