"""One commit per ring: every customer of it moves together, or is left where it is."""

import logging
from collections.abc import Mapping, Sequence

from tasks.command import printable
from tasks.config import Config
from tasks.git import Mirror
from tasks.gitops.edit import app_mirror, edit_customer
from tasks.gitops.push import swap, write_commit
from tasks.models import Edit, Promotion, Release, RingCommit

log = logging.getLogger(__name__)


def commit_ring(
    config: Config, release: Release, ring: str, edits: Sequence[Edit], tip: str, trailers: Mapping[str, str]
) -> RingCommit:
    """Writes the ring's edits as ONE commit on `tip` and pushes it, if the branch still is at `tip` (`push.swap`).

    When the branch moved, the edits are made again from where it is now. The same release on the same tip gives the
    same commit id. Raises `ServiceUnavailable` when the remote takes no push.
    """
    mirror = Mirror.open(config.gitops.repository)
    when = app_mirror(config, release.commit).run("show", "--no-patch", "--format=%ct", release.commit)
    planned = tip if _present(mirror, edits) else ""

    def make(at: str) -> str | None:
        nonlocal edits
        if at != planned:
            edits = _again(config, at, release, edits)
        files = {path: new for e in edits for path, (_, new) in e.files.items()}
        message = _message(config, release, ring, edits, trailers)
        return write_commit(config, mirror, at, files, message, when) if files else None

    commit, created = swap(config, mirror, tip, make)
    return _done(ring, commit, created, edits)


def _again(config: Config, tip: str, release: Release, edits: Sequence[Edit]) -> list[Edit]:
    """The edits from another tip. A customer that the plan left alone stays so: nobody has seen it moving."""
    moving = ("promote", "unchanged")
    return [edit_customer(config, tip, release, e.customer) if e.standing in moving else e for e in edits]


def _present(mirror: Mirror, edits: Sequence[Edit]) -> bool:
    """Whether the blobs of the edits are on this machine; a retried run may go on at another one."""
    blobs = [new for e in edits for _, new in e.files.values()]
    if not blobs:
        return True
    told = mirror.run("cat-file", "--batch-check", stdin="".join(f"{b}\n" for b in blobs).encode())
    return not any(line.endswith(" missing") for line in told.splitlines())


def _done(ring: str, commit: str, created: bool, edits: Sequence[Edit]) -> RingCommit:
    log.info("ring %s: %s %s", ring, "commit" if created else "nothing to write at", commit[:7])
    promotions = tuple(Promotion(customer=e.customer, ring=ring, standing=e.standing, because=e.because) for e in edits)
    return RingCommit(ring=ring, commit=commit, created=created, promotions=promotions)


def _message(config: Config, release: Release, ring: str, edits: Sequence[Edit], trailers: Mapping[str, str]) -> str:
    names = [e.customer for e in edits if e.files]
    count = f"{len(names)} customer{'s' if len(names) != 1 else ''}"
    facts = [("Slipway-Release", release.commit), ("Slipway-Ring", ring)]
    facts += [("Slipway-Image", f"{i.component} {i.digest}") for i in release.images]
    facts += [("Slipway-Head", release.head)] if release.head else []
    facts += [("Slipway-Contract", revision) for revision in release.contracts]
    facts += list(trailers.items())
    return (
        f"{config.app.name}: release {release.commit[:7]} to ring {ring} ({count})\n\n"
        f"{printable(release.subject)}\n\nCustomers: {', '.join(names)}\n\n"
        + "".join(f"{key}: {printable(value)}\n" for key, value in facts)
    )
