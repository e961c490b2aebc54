"""One commit per ring: every customer of it moves together, or is left where it is."""

import logging
from collections.abc import Mapping, Sequence

from tasks.command import printable
from tasks.config import Config
from tasks.errors import Superseded
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.gitops.edit import edit_customers
from tasks.gitops.freeze import require_open
from tasks.gitops.layout import Layout
from tasks.gitops.order import app_mirror, left_main
from tasks.gitops.push import swap, write_commit
from tasks.gitops.tip import Tip
from tasks.models import Edit, Edits, Promotion, Release, ReleaseRequest, RingCommit, RingPlan

log = logging.getLogger(__name__)
MOVES = ("promote", "unchanged")
Facts = Sequence[tuple[str, str]]


class PlanMoved(Exception):
    """The branch moved so that the plan is another one than what was approved; nothing has been written."""

    def __init__(self, edits: Edits) -> None:
        super().__init__(edits.tip)
        self.edits = edits


def commit_ring(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits, trailers: Mapping[str, str]
) -> RingCommit:
    """Writes the ring's edits as ONE commit on their tip and pushes it, if the branch still is there (`push.swap`).

    When the branch moved, the edits are made again from where it is now; a ring that asks for approval is asked again
    when that changes what was approved (`RingCommit.asks_again`). The same release on the same tip gives the same commit
    id. Raises `Frozen` in a freeze window that nobody overrides, `Superseded` when main no longer has the commit,
    `ServiceUnavailable` when the remote takes no push.
    """
    mirror, planned = Mirror.open(config.gitops.repository), edits.tip
    require_may_write(config, request, release, ring.name)

    def make(tip: str) -> str | None:
        nonlocal edits
        if tip != planned:
            edits = again(config, release, tip, edits.edits)
            _require_approved(ring, edits)
        return make_commit(config, request, release, ring.name, edits, trailers)

    try:
        commit, created = swap(config, mirror, edits.tip, make)
    except PlanMoved as moved:
        return RingCommit(
            ring=ring.name, commit=moved.edits.tip, created=False, promotions=(), asks_again=moved.edits.edits
        )
    reach("ring:committed")
    log.info("ring %s: %s %s", ring.name, "commit" if created else "nothing to write at", commit[:7])
    return RingCommit(ring=ring.name, commit=commit, created=created, promotions=edits.promotions)


def make_commit(
    config: Config, request: ReleaseRequest, release: Release, ring: str, edits: Edits, trailers: Mapping[str, str]
) -> str | None:
    """The edits as one commit on their tip, not pushed; None when there is nothing to write."""
    mirror = Mirror.open(config.gitops.repository)
    if not _present(mirror, edits.edits):  # a retried run may go on at another machine
        edits = again(config, release, edits.tip, edits.edits)
    files = {path: blob for e in edits.edits for path, blob in e.files.items()}
    if not files:
        return None
    facts = [*trailers.items(), *(("Slipway-Override", str(o)) for o in request.overrides)]
    when = app_mirror(config, release.commit).run("show", "--no-patch", "--format=%ct", release.commit)
    return write_commit(config, mirror, edits.tip, files, _message(config, release, ring, edits.edits, facts), when)


def again(config: Config, release: Release, tip: str, edits: Sequence[Edit]) -> Edits:
    """The edits from another tip, in the same order.

    A customer that the plan left alone stays so: nobody has seen it moving. One whose files are gone is not made again.
    """
    moving = [e.customer for e in edits if e.promotion.standing in MOVES]
    layout = Layout.of(config, Tip.read(config, tip))
    there = [name for name in moving if name in layout.with_files]
    new = {e.customer: e for e in edit_customers(config, tip, release, there).edits}
    gone = {name: _gone(next(e.promotion for e in edits if e.customer == name)) for name in set(moving) - set(there)}
    return Edits(tip=tip, edits=tuple((new | gone).get(e.customer, e) for e in edits))


def _gone(before: Promotion) -> Edit:
    because = "somebody took its files out of the GitOps repository since the plan was made"
    return Edit(promotion=Promotion(customer=before.customer, ring=before.ring, standing="gone", because=because))


def require_may_write(config: Config, request: ReleaseRequest, release: Release, ring: str) -> None:
    """Looks again just before writing. Raises `Frozen` in a freeze window, `Superseded` when main no longer has the commit."""
    require_open(config, request, ring)
    if tip := left_main(config, release.commit):
        raise Superseded.because(
            f"superseded: {config.app.branch} no longer has {release.commit[:7]}",
            f"{config.app.repository}, {config.app.branch} is at {tip[:7]}",
            f"nothing, if it was taken back; otherwise push {release.commit[:7]} to {config.app.branch} again",
        )
    reach("order:checked")


def _require_approved(ring: RingPlan, edits: Edits) -> None:
    """Raises `PlanMoved` when a person approved the ring and it is another one now."""
    now = ring.model_copy(update={"promotions": edits.promotions})
    if ring.approve and ring.moving and now.moving and now.hash != ring.hash:
        raise PlanMoved(edits)


def _present(mirror: Mirror, edits: Sequence[Edit]) -> bool:
    """Whether the blobs of the edits are on this machine."""
    blobs = [blob for e in edits for blob in e.files.values()]
    if not blobs:
        return True
    told = mirror.run("cat-file", "--batch-check", stdin="".join(f"{b}\n" for b in blobs).encode())
    return not any(line.endswith(" missing") for line in told.splitlines())


def _message(config: Config, release: Release, ring: str, edits: Sequence[Edit], trailers: Facts) -> str:
    names = [e.customer for e in edits if e.files]
    count = f"{len(names)} customer{'s' if len(names) != 1 else ''}"
    line = app_mirror(config, release.commit).run("rev-list", "--first-parent", "--count", release.commit)
    facts = [("Slipway-Release", release.commit), ("Slipway-Order", line), ("Slipway-Ring", ring)]
    facts += [("Slipway-Image", f"{i.component} {i.digest}") for i in release.images]
    facts += [("Slipway-Head", release.head)] if release.head else []
    facts += [("Slipway-Contract", revision) for revision in release.contracts]
    facts += trailers
    return (
        f"{config.app.name}: release {release.commit[:7]} to ring {ring} ({count})\n\n"
        f"{printable(release.subject)}\n\nCustomers: {', '.join(names)}\n\n"
        + "".join(f"{key}: {printable(value)}\n" for key, value in facts)
    )
