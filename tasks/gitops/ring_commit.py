"""The commit of a ring as an object: which files, what message, which trailers; not pushed."""

import datetime
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tasks.command import printable
from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops import ledger
from tasks.gitops.layout import Layout
from tasks.gitops.order import app_mirror
from tasks.gitops.push import write_blobs, write_commit
from tasks.gitops.shared import joined, shared
from tasks.gitops.tip import Tip
from tasks.models import CommitId, Edit, Edits, Overridden, Release, ReleaseRequest

log = logging.getLogger(__name__)
Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RingWriter:
    """What is the same for every try to write a ring: a retry gives the same commit. `when` is in seconds since 1970."""

    config: Config
    mirror: Mirror
    release: Release
    ring: str
    when: str
    facts: Facts
    overridden: tuple[Overridden, ...] = ()

    @classmethod
    def of(
        cls, config: Config, request: ReleaseRequest, release: Release, ring: str, trailers: Mapping[str, str]
    ) -> Self:
        """Asks git for the release's time and its place on main once.

        The commit's own time is the trailer `Slipway-Written`, which a run keeps for its retries; without it the release's.
        """
        app = app_mirror(config, release.commit)
        committed = app.run("show", "--no-patch", "--format=%ct", release.commit)
        place = app.run("rev-list", "--first-parent", "--count", release.commit)
        overridden = ledger.used(config, release, request.overrides, ring)
        overrides = tuple(("Slipway-Override", str(o.override)) for o in overridden)
        times = (("Slipway-Committed", _date(int(committed))),)
        facts = (*_facts(release, ring, place), *times, *trailers.items(), *overrides)
        when = str(_seconds(trailers["Slipway-Written"])) if "Slipway-Written" in trailers else committed
        return cls(config, Mirror.open(config.gitops.repository), release, ring, when, facts, overridden)

    def write(self, edits: Edits) -> str | None:
        """The edits as one commit on their tip; None when there is nothing to write."""
        files = {path: blob for e in edits.edits for path, blob in e.files.items()}
        if not files:
            return None
        files |= self._shared(edits) | self._ledger(edits.tip)
        return write_commit(self.config, self.mirror, edits.tip, files, self._message(edits.edits), self.when)

    def of_this_run(self, since: CommitId, tip: CommitId) -> list[CommitId]:
        """The commits after `since` up to the tip that say they are this run's for the ring, newest first."""
        if since == tip or not self.mirror.has_commit(since):
            return []
        said = [f"--grep={key}: {value}" for key, value in self.facts if key in ("Slipway-Run", "Slipway-Ring")]
        log = self.mirror.run("log", "--fixed-strings", "--all-match", *said, "--format=%H", f"{since}..{tip}")
        return log.split() if len(said) == 2 else []

    def _shared(self, edits: Edits) -> dict[str, str]:
        """The files that hold several of the customers, as blobs with the values of all of them."""
        several = shared({e.customer: e.files for e in edits.edits})
        if not several:
            return {}
        layout = Layout.of(self.config, Tip.read(self.config, edits.tip))
        contents = [joined(layout, file, dict.fromkeys(names, self.release)) for file, names in several.items()]
        return dict(zip(several, write_blobs(self.mirror, contents), strict=True))

    def _ledger(self, tip: CommitId) -> dict[str, str]:
        """The overrides that the ring needed and the ledger does not have yet, as blobs."""
        if not self.overridden:
            return {}
        at = Tip.read(self.config, tip)
        made = ledger.files(self.config, at, self.release, self.ring, self.when, self.overridden)
        return dict(zip(made, write_blobs(self.mirror, list(made.values())), strict=True))

    def _message(self, edits: Sequence[Edit]) -> str:
        names = [e.customer for e in edits if e.files]
        count = f"{len(names)} customer{'s' if len(names) != 1 else ''}"
        return (
            f"{self.config.app.name}: release {self.release.commit[:7]} to ring {self.ring} ({count})\n\n"
            f"{printable(self.release.subject)}\n\nCustomers: {', '.join(names)}\n\n"
            + "".join(f"{key}: {printable(value)}\n" for key, value in self.facts)
        )


def written_at(ring: str, plan: str) -> str:
    """The time at which a ring's plan is being written, ISO 8601 in UTC; kept by the run, so that a retry writes the same."""
    now = _date(int(time.time()))
    log.info("ring %s: plan %s is written at %s", ring, plan, now)
    return now


def _date(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(date: str) -> int:
    return int(datetime.datetime.fromisoformat(date).timestamp())


def _facts(release: Release, ring: str, place: str) -> Facts:
    """The trailers for programs; `place` is how many commits main's first-parent line has up to the release."""
    facts = [("Slipway-Release", release.commit), ("Slipway-Order", place), ("Slipway-Ring", ring)]
    facts += [("Slipway-Image", f"{i.component} {i.digest}") for i in release.images]
    facts += [("Slipway-Head", release.head)] if release.head else []
    return (*facts, *(("Slipway-Contract", revision) for revision in release.contracts))
