"""Rollback: customers put back to the release they ran before, and held there so that the next release does not undo it."""

import time
from collections.abc import Sequence

from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import GitFailed, Mirror
from tasks.gitops import state
from tasks.gitops.edit import rewritten
from tasks.gitops.fleet import require_customers
from tasks.gitops.hold import with_hold
from tasks.gitops.layout import Layout
from tasks.gitops.order import Order
from tasks.gitops.push import swap, write_blobs, write_commit
from tasks.gitops.shared import joined, shared
from tasks.gitops.state import Released, State
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import Back, CommitId, Deployed, Hold, Image, Reason, Release, RollbackCommit

CONTRACT = "Slipway-Contract"
FROM = "Slipway-Rollback-From"
HISTORY = 200


def rollback(config: Config, customers: Sequence[str], wanted: Hold, release: CommitId | None = None) -> RollbackCommit:
    """Puts exactly these customers back to the release before, in ONE commit, each with this hold.

    The databases stay as they are: migrations are not taken back, so a contract that has run in between refuses it,
    and so do files that a person has changed since. With `release` only customers that run it are put back, so that a
    second run does not go back twice; nor does one with the same hold. A release that was rolled back is none to go back
    to. All customers are put back, or none: raises `ReleaseRefused` with what is wrong at each.
    """
    done = put_back(config, customers, wanted, release)
    if done.refused:
        raise ReleaseRefused(*done.refused.values())
    return done


def put_back(
    config: Config, customers: Sequence[str], wanted: Hold, release: CommitId | None = None, partly: bool = False
) -> RollbackCommit:
    """As `rollback`, with the reasons as values.

    `partly` is for a release that does it by itself: those that can go back do, whatever keeps the others, and who was
    held by a person meanwhile stays.
    """
    tip, names = Tip.read(config), sorted(set(customers))
    if not partly:
        require_customers(names, Layout.of(config, tip).names)
    when, attempt = str(int(time.time())), _Attempt(config, names, wanted, release, asked=not partly)

    def make(at: str) -> str | None:
        contents = attempt.contents(at)
        if not contents or (attempt.refused and not partly):
            return None
        blobs = write_blobs(tip.mirror, list(contents.values()))
        files = dict(zip(contents, blobs, strict=True))
        made = write_commit(config, tip.mirror, at, files, _message(config, attempt.backs, wanted), when)
        reach("rollback:made")
        return made

    commit, created = swap(config, tip.mirror, tip.commit, make)
    reach("rollback:pushed")
    return RollbackCommit(commit=commit, created=created, customers=tuple(attempt.backs), refused=attempt.refused)


class _Attempt:
    """What a rollback would write at one tip: who goes back where, and what keeps the others."""

    def __init__(
        self, config: Config, names: Sequence[str], wanted: Hold, release: CommitId | None, asked: bool
    ) -> None:
        self.config, self.names, self.wanted, self.release, self.asked = config, names, wanted, release, asked
        self.backs: list[Back] = []
        self.refused: dict[str, Reason] = {}

    def contents(self, tip: str) -> dict[str, bytes]:
        """Path -> new content of every file that changes, all customers together."""
        self.backs, self.refused = [], {}
        found: dict[str, dict[str, bytes]] = {}
        layout = Layout.of(self.config, Tip.read(self.config, tip))
        layout.load(self.names)
        for name in self.names:
            try:
                found[name] = self._one(layout, name)
            except CannotEdit as error:
                where = error.where or state.path(name)
                self.refused[name] = Reason(what=f"{name}: {error.problem}", where=where, next_step=error.next_step)
        contents = {path: new for files in found.values() for path, new in files.items()}
        to = {b.customer: b.to for b in self.backs}
        return contents | {
            file: joined(layout, file, {n: to[n] for n in names}) for file, names in shared(found).items()
        }

    def _one(self, layout: Layout, name: str) -> dict[str, bytes]:
        stated = state.of(layout.tip, name)
        if stated.release is None:
            raise CannotEdit("it has no release yet", "there is nothing to go back to")
        if self.release and stated.release.commit != self.release:
            self._already(stated)
            return {}
        if not self.asked and stated.hold and state.holds(stated.hold):
            raise CannotEdit(
                f"held by {stated.hold.owner}: {stated.hold.reason}", f"`slipway rollback {name}` if it shall go back"
            )
        if not self.release and stated.hold == self.wanted and (left := _left(layout.tip, name)):
            self._done(stated, left)
            return {}
        before = _before(self.config, layout.tip, name, stated.release.commit)
        if new := sorted(set(stated.release.components) - set(before.components)):
            raise CannotEdit(
                f"the release before had no {', '.join(new)}, which would stay", "release a correction instead"
            )
        images = tuple(_image(self.config, component, deployed) for component, deployed in before.components.items())
        # The database is where the newer release left it.
        release = Release(commit=before.commit, subject="rollback", images=images, head=stated.release.head)
        files, _ = rewritten(layout, release, stated)
        self.backs.append(Back(customer=name, from_commit=stated.release.commit, to=release))
        changed = {path: new for path, (_, new) in files.items()}
        return {**changed, state.path(name): with_hold(state.write(name, release), name, self.wanted)}

    def _already(self, stated: State) -> None:
        """A second run finds the customer where the first one put it; a newer release there is left alone."""
        if not self.release or not stated.release or stated.hold != self.wanted:
            raise CannotEdit(
                f"it no longer runs {(self.release or '')[:7]}", "see `slipway status`; nothing was put back"
            )
        self._done(stated, self.release)

    def _done(self, stated: State, left: CommitId) -> None:
        """What a run before this one did to the customer."""
        assert stated.release is not None  # noqa: S101 - both callers have looked
        images = tuple(_image(self.config, c, d) for c, d in stated.release.components.items())
        back = Release(commit=stated.release.commit, subject="rollback", images=images, head=stated.release.head)
        self.backs.append(Back(customer=stated.customer, from_commit=left, to=back))


def _before(config: Config, tip: Tip, name: str, current: CommitId) -> Released:
    """The release that the state file said before the current one. Raises `CannotEdit` when a contract has run since.

    What the customer was rolled back from is passed over, or a second rollback would go forward to it; so is what is newer
    than the current one: a person has taken that back with git.
    """
    mirror, order = tip.mirror, Order(config, current)
    contracts: list[str] = []
    passed, rolled_back = {current}, False
    for commit in _history(mirror, tip.commit, name):
        found = _released(mirror, commit, name)
        if found and (rolled_back or order.of(found.commit) == "newer"):
            passed.add(found.commit)
        if found and found.commit not in passed:
            if contracts:
                said = ", ".join(sorted(set(contracts)))
                raise CannotEdit(
                    f"the contract {said} has run since: the release before cannot live with it",
                    "mend it forward: release a correction",
                )
            return found
        contracts += [*_trailers(mirror, commit, CONTRACT), *(found.contracts if found else ())]
        rolled_back = bool(_trailers(mirror, commit, FROM))
    raise CannotEdit("there is no release before this one in its history", "release a correction instead")


def _left(tip: Tip, name: str) -> CommitId | None:
    """The release that the customer was put back from, when that is the last that happened to it."""
    newest = _history(tip.mirror, tip.commit, name)[:2]
    before = _released(tip.mirror, newest[1], name) if len(newest) == 2 else None
    return before.commit if before and _trailers(tip.mirror, newest[0], FROM) else None


def _history(mirror: Mirror, tip: str, name: str) -> list[str]:
    """The commits that changed a customer's state file, newest first."""
    return mirror.run("log", f"--max-count={HISTORY}", "--format=%H", tip, "--", state.path(name)).splitlines()


def _trailers(mirror: Mirror, commit: str, key: str) -> list[str]:
    return mirror.run("show", "--no-patch", f"--format=%(trailers:key={key},valueonly)", commit).split()


def _released(mirror: Mirror, commit: str, name: str) -> Released | None:
    try:
        return state.read(mirror.run_bytes("cat-file", "blob", f"{commit}:{state.path(name)}"), name).release
    except (CannotEdit, GitFailed):  # broken there, or taken away by that commit
        return None


def _image(config: Config, component: str, deployed: Deployed) -> Image:
    if component not in config.components:
        raise CannotEdit(f"it ran {component}, which release.yaml no longer has", "release a correction instead")
    repository = config.components[component].image
    return Image(component=component, repository=repository, built=False, seconds=0, **deployed.model_dump())


def _message(config: Config, done: Sequence[Back], wanted: Hold) -> str:
    lines = "".join(f"{b.customer}: {b.from_commit[:7]} -> {b.to.commit[:7]}\n" for b in done)
    facts = [("Slipway-Rollback-By", wanted.owner), ("Slipway-Rollback-Reason", wanted.reason)]
    facts += [(FROM, b) for b in sorted({b.from_commit for b in done})]
    trailers = "".join(f"{key}: {printable(value)}\n" for key, value in facts)
    return f"{config.app.name}: {', '.join(b.customer for b in done)} back\n\n{lines}\n{trailers}"
