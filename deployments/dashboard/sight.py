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
from tasks.config import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.git import GitFailed, Mirror
from tasks.gitops.fleet import read_fleet
from tasks.gitops.history import History, read_history
from tasks.models import CommitId, Fleet

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
FIRST_SECONDS = 20.0


@dataclass(frozen=True)
class Seen:
    """Both repositories as they were at `at` (seconds since 1970), and what was in the way since.

    `fleet` is None when there is nothing to show yet; `day` is the UTC date for which holds were judged.
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

    def __init__(self, config: Config, every_seconds: float = EVERY_SECONDS) -> None:
        self.config, self.every_seconds = config, every_seconds
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"look-{config.app.name}")
        self._lock = Lock()
        self._looking: Future[None] | None = None
        self._begun = float("-inf")
        self._seen: Seen | None = None
        self.looks = 0

    def now(self) -> Seen | None:
        """What is known now; waits a moment for a look that is under way. None when the first one takes long."""
        looking = self._look()
        if not looking.done():
            wait_for([looking], PATIENCE_SECONDS if self._seen else FIRST_SECONDS)
        if looking.done():
            looking.result()
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
        day = datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
        before = self._seen or Seen(at=now, day=day)
        seen = replace(before, at=now, silent=False, notices=())
        seen = _look_at_gitops(self.config, seen, day, before)
        self._seen = _look_at_app(self.config, seen)


def _look_at_gitops(config: Config, seen: Seen, day: str, before: Seen) -> Seen:
    mirror, branch = Mirror.open(config.gitops.repository), config.gitops.branch
    tip, notice = _tip(mirror, branch, "The GitOps repository")
    if tip is None or notice:
        # What is here from earlier is as old as the last good look, in this process or in another one.
        seen = replace(seen, silent=True, at=before.at if before.fleet else _last_look(mirror, branch, seen.at))
    if tip is None:
        return replace(seen, notices=(*seen.notices, notice))
    if (tip, day) != (before.tip, before.day) or before.fleet is None:
        try:
            fleet, history = read_fleet(config, tip), read_history(mirror, tip, before.history)
        except ReleaseRefused as refused:
            notice = " ".join(r.what for r in refused.reasons[:5])
            return replace(seen, tip=tip, day=day, fleet=None, notices=(*seen.notices, f"{notice}."))
        seen = replace(seen, tip=tip, day=day, fleet=fleet, history=history)
    return replace(seen, notices=(*seen.notices, *([notice] if notice else [])))


def _look_at_app(config: Config, seen: Seen) -> Seen:
    """Without the app's repository there are no subjects and no distances; all else is there."""
    mirror = Mirror.open(config.app.repository)
    tip, notice = _tip(mirror, config.app.branch, "The app's repository")
    notices = (*seen.notices, *([f"{notice} Subjects and distances may be old or missing."] if notice else []))
    try:
        main = read_main(mirror, tip, seen.main) if tip else seen.main
    except GitFailed as error:
        log.warning("%s", error)
        main = seen.main
    return replace(seen, main=main, notices=notices)


def _tip(mirror: Mirror, branch: str, whose: str) -> tuple[CommitId | None, str]:
    """Where a branch is, and why that may be old: what the remote says goes to the log, it may name addresses."""
    try:
        return mirror.tip(branch), ""
    except ServiceUnavailable as error:
        log.warning("%s", error)
        return _kept(mirror, branch), f"{whose} does not answer."
    except ReleaseRefused as error:
        log.warning("%s", error)
        return None, f"{whose} has no branch {branch}."


def _kept(mirror: Mirror, branch: str) -> CommitId | None:
    """Where the branch was when it was fetched last, by this process or another one on this machine."""
    try:
        return mirror.run("rev-parse", "--verify", "--quiet", f"refs/slipway/{branch}^{{commit}}")
    except GitFailed:
        return None


def _last_look(mirror: Mirror, branch: str, otherwise: float) -> float:
    """When the branch was last brought here: the time of its ref's file, as git writes it."""
    file = mirror.directory / "refs/slipway" / branch
    return file.stat().st_mtime if file.exists() else otherwise
