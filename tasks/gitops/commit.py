"""One commit per ring: every customer of it moves together, or is left where it is."""

import logging
from collections.abc import Mapping

from tasks.config.model import Config
from tasks.errors import Superseded
from tasks.failpoints import reach
from tasks.gitops.again import again, are_present
from tasks.gitops.freeze import frozen, require_open
from tasks.gitops.order import left_main
from tasks.gitops.push import swap
from tasks.gitops.ring_commit import RingWriter
from tasks.models import CommitId, Edits, Release, ReleaseRequest, RingCommit, RingPlan

log = logging.getLogger(__name__)


class PlanMoved(Exception):
    """The branch moved so that the plan is another one than what was approved; nothing has been written."""

    def __init__(self, edits: Edits) -> None:
        super().__init__(edits.tip)
        self.edits = edits


class WrittenBefore(Exception):
    """An earlier attempt of this run, of which nothing was noted, has pushed the ring's commit."""

    def __init__(self, commit: CommitId, edits: Edits) -> None:
        super().__init__(commit)
        self.commit, self.edits = commit, edits


def commit_ring(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits, trailers: Mapping[str, str]
) -> RingCommit:
    """Writes the ring's edits as ONE commit on their tip and pushes it, if the branch still is there (`push.swap`).

    When the branch moved, the edits are made again from where it is now; a ring that asks for approval is asked again
    when that changes what was approved (`RingCommit.asks_again`). The same release on the same tip gives the same commit
    id; what an earlier attempt of this run has pushed is found, also below what others have pushed since. Raises `Frozen`
    in a freeze window that nobody overrides, unless there is nothing left to write, `Superseded` when main no longer has
    the commit, `ServiceUnavailable` when the remote takes no push.
    """
    writer = RingWriter.of(config, request, release, ring.name, trailers)
    try:
        commit, created, edits = _written(config, request, release, ring, writer, edits)
    except WrittenBefore as before:
        commit, created, edits = before.commit, True, before.edits
    except PlanMoved as moved:
        return RingCommit(
            ring=ring.name, commit=moved.edits.tip, created=False, promotions=(), asks_again=moved.edits.edits
        )
    reach("ring:committed")
    log.info("ring %s: %s %s", ring.name, "commit" if created else "nothing to write at", commit[:7])
    return RingCommit(ring=ring.name, commit=commit, created=created, promotions=edits.promotions)


def _written(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, writer: RingWriter, edits: Edits
) -> tuple[CommitId, bool, Edits]:
    """The commit on the branch, whether it is new, and the edits that are in it."""
    if any(e.files for e in edits.edits) and frozen(config, ring.name) and not request.passes("freeze"):
        _require_not_yet(config, release, writer, edits, writer.mirror.tip(config.gitops.branch))
        require_open(config, request, ring.name)
    require_on_main(config, release)
    present = are_present(writer.mirror, edits.edits)

    def make(tip: str) -> str | None:
        nonlocal edits, present
        # The tip of the edits as they are now: a branch that went on and was put back is not where these were made.
        if tip != edits.tip or not present:
            _require_not_yet(config, release, writer, edits, tip)
            require_on_main(config, release)
            edits, present = again(config, release, tip, edits, present), True
            _require_approved(ring, edits)
        return writer.write(edits)

    commit, created = swap(config, writer.mirror, edits.tip, make)
    return commit, created, edits


def _require_not_yet(config: Config, release: Release, writer: RingWriter, edits: Edits, tip: CommitId) -> None:
    """Raises `WrittenBefore` when this run's commit is among those up to the tip: made again where it was made, it is the same."""
    for found in writer.of_this_run(edits.tip, tip):
        made_at = writer.mirror.run("rev-parse", f"{found}^")
        made = edits if made_at == edits.tip else again(config, release, made_at, edits)
        if writer.write(made) == found:
            raise WrittenBefore(found, made)


def require_on_main(config: Config, release: Release) -> None:
    """Looks again just before writing. Raises `Superseded` when main no longer has the commit."""
    if tip := left_main(config, release.commit):
        raise Superseded.because(
            f"superseded: {config.app.branch} no longer has {release.commit[:7]}",
            f"{config.app.repository}, {config.app.branch} is at {tip[:7]}",
            f"nothing, if it was taken back; otherwise push {release.commit[:7]} to {config.app.branch} again",
        )
    reach("order:checked")


def _require_approved(ring: RingPlan, edits: Edits) -> None:
    """Raises `PlanMoved` when a person approved the ring and it is another one now."""
    now = ring.of(edits)
    if ring.approve and ring.moving and now.moving and now.hash != ring.hash:
        raise PlanMoved(edits)
