"""Whether what a cluster has synced is still this release: its commit, or a later one that kept a customer's images."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.git import Mirror
from tasks.gitops import state
from tasks.gitops.layout import Layout
from tasks.gitops.order import Order, app_mirror
from tasks.gitops.state import State
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import CommitId, Release

log = logging.getLogger(__name__)
COMMIT = re.compile("[0-9a-f]{40}")


def carries(config: Config, release: Release, commit: CommitId, customer: str, revision: str) -> bool:
    """Whether a revision of the GitOps branch is the ring's commit or a descendant with the release's images for the customer.

    Other rings and people commit to the same branch, so an exact match would wait for ever and no match at all would
    pass too early. Raises what `departed` says of a descendant with other images for the customer, and `ServiceUnavailable` when
    the remote does not answer about a revision that is not here yet.
    """
    if revision == commit:
        return True
    if not COMMIT.fullmatch(revision):
        return False
    mirror = Mirror.open(config.gitops.repository)
    if not mirror.has_commit(revision):
        mirror.fetch(config.gitops.branch)
    if not mirror.has_commit(revision) or not mirror.is_ancestor(commit, revision):
        return False
    layout = _layout(config.model_dump_json(), revision)
    if not _has_images(layout, release, customer):
        raise _departed(config, layout, release, customer)
    return True


def states(config: Config, release: Release, tip: CommitId, customer: str, revision: str) -> bool:
    """Whether a revision of the branch, up to the tip, has the release's images for a customer, whoever wrote it there.

    Raises what `carries` raises.
    """
    return bool(COMMIT.fullmatch(revision)) and (
        revision == tip or _is_before(config, revision, tip) and _states(config, release, revision, customer)
    )


def _is_before(config: Config, revision: str, tip: CommitId) -> bool:
    mirror = Mirror.open(config.gitops.repository)
    return mirror.has_commit(revision) and mirror.is_ancestor(revision, tip)


def _states(config: Config, release: Release, revision: str, customer: str) -> bool:
    return _has_images(_layout(config.model_dump_json(), revision), release, customer)


def departed(config: Config, release: Release, customers: Sequence[str]) -> dict[str, ReleaseRefused]:
    """The customers for whom the branch says something else than the release by now, each with what: nobody need wait for them.

    A remote that does not answer tells of nobody. `Superseded` are who a newer release has reached and who is no customer any
    more. Others were taken back, by a person or by an earlier attempt of this run: there the release has failed.
    """
    try:
        tip = Mirror.open(config.gitops.repository).fetch(config.gitops.branch)
    except (
        ServiceUnavailable
    ) as error:  # it only saves a wait: a git remote that is away for a moment fails no customer
        log.warning("%s", error)
        return {}
    layout = _layout(config.model_dump_json(), tip)
    layout.load(customers)
    return {c: _departed(config, layout, release, c) for c in customers if not _has_images(layout, release, c)}


def _departed(config: Config, layout: Layout, release: Release, customer: str) -> ReleaseRefused:
    kind: type[ReleaseRefused] = Superseded
    try:
        stated = state.of(layout.tip, customer)
        kind = ReleaseRefused if _is_taken_back(config, layout, release, stated) else Superseded
        runs = f"is to run {stated.release.commit[:7]}" if stated.release else "has no release"
        if kind is ReleaseRefused and stated.release and stated.release.commit == release.commit:
            runs = "has another image than that, put there by hand"
        held = f", held by {stated.hold.owner}: {stated.hold.reason}" if stated.hold else ""
    except CannotEdit as error:
        runs, held = error.problem, ""
    return kind.because(
        f"{customer}: the GitOps repository no longer has {release.commit[:7]} for it: it {runs}{held}",
        f"GitOps repository at {layout.tip.commit[:7]}",
        "nothing, if it was meant; otherwise release again",
    )


def _is_taken_back(config: Config, layout: Layout, release: Release, stated: State) -> bool:
    """Whether somebody has decided against the release here: what the customer is to run is nothing newer."""
    if stated.release is None or stated.customer not in layout.with_files:
        return False
    try:
        app = app_mirror(config, release.commit)
        if not app.has_commit(stated.release.commit):  # another worker released it
            app.fetch(config.app.branch)
        return Order(config, release.commit).of(stated.release.commit) != "newer"
    except ServiceUnavailable as error:  # nobody can tell: a release that failed would stop others
        log.warning("%s", error)
        return False


def _has_images(layout: Layout, release: Release, customer: str) -> bool:
    try:
        return all(layout.runs(i.component, customer) in i.names for i in release.images)
    except CannotEdit:
        return False


@lru_cache(maxsize=4)
def _layout(config: str, revision: str) -> Layout:
    """The layout of a revision, kept: a ring of a thousand customers asks for the same one a thousand times."""
    settings = Config.model_validate_json(config)
    return Layout.of(settings, Tip.read(settings, revision))
