"""One commit per ring, pushed as a compare-and-swap: the only lock that counts is the one of the git server."""

import logging
import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence

from tasks.command import printable
from tasks.config import Config
from tasks.errors import ServiceUnavailable
from tasks.git import GitFailed, Mirror
from tasks.gitops.edit import app_mirror, edit_customer
from tasks.gitops.tip import Tip
from tasks.models import Edit, Promotion, Release, RingCommit

log = logging.getLogger(__name__)
AUTHOR = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
}
MOVED_LIMIT = 100
REFUSED_LIMIT = 5


def commit_ring(
    config: Config, release: Release, ring: str, edits: Sequence[Edit], tip: str, trailers: Mapping[str, str]
) -> RingCommit:
    """Writes the ring's edits as ONE commit on `tip` and pushes it, if the branch still is at `tip`.

    After any push that did not end well the remote is looked at, its message is not read: our commit is there:
    done; the branch moved: the edits are made again from where it is now; it stands still: tried again a few times.
    Nothing is ever merged, rebased or forced. The same release on the same tip gives the same commit id.
    Raises `ServiceUnavailable` when the remote takes no push.
    """
    mirror, refused, moved = Mirror.open(config.gitops.repository), 0, 0
    if not _present(mirror, edits):
        edits = _again(config, tip, release, edits)
    while any(e.files for e in edits):
        commit = _make(config, mirror, release, ring, edits, tip, trailers)
        if _pushed(config, mirror, commit, tip):
            return _done(ring, commit, True, edits)
        now = mirror.fetch(config.gitops.branch)
        if mirror.is_ancestor(commit, now):
            log.info("ring %s: the push was taken although its answer was lost", ring)
            return _done(ring, commit, True, edits)
        if now == tip:
            refused += 1
            _pause(refused, REFUSED_LIMIT, config, "the git remote takes no push")
            continue
        moved += 1
        log.info("ring %s: %s came first, planning again", ring, now[:7])
        _pause(moved, MOVED_LIMIT, config, "others push all the time")
        tip, edits = now, _again(config, now, release, edits)
    return _done(ring, tip, False, edits)


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


def _make(
    config: Config,
    mirror: Mirror,
    release: Release,
    ring: str,
    edits: Sequence[Edit],
    tip: str,
    trailers: Mapping[str, str],
) -> str:
    """A commit on `tip` out of objects, through an index of its own: no work tree, no hooks, no filters."""
    when = app_mirror(config, release.commit).run("show", "--no-patch", "--format=%ct", release.commit)
    files = {path: new for e in edits for path, (_, new) in e.files.items()}
    modes = {p: e.mode for p, e in Tip.read(config, tip, sorted(files)).entries.items()}
    with tempfile.TemporaryDirectory() as folder:
        env = {"GIT_INDEX_FILE": os.path.join(folder, "index")}  # noqa: PTH118 - git wants text
        mirror.run("read-tree", tip, env=env)
        lines = "".join(f"{modes.get(path, '100644')} {blob}\t{path}\0" for path, blob in files.items())
        mirror.run("update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"), env=env)
        tree = mirror.run("write-tree", env=env)
    dates = {"GIT_AUTHOR_DATE": f"{when} +0000", "GIT_COMMITTER_DATE": f"{when} +0000"}
    message = _message(config, release, ring, edits, trailers).encode()
    return mirror.run("commit-tree", tree, "-p", tip, "-F", "-", stdin=message, env={**AUTHOR, **dates})


def _message(config: Config, release: Release, ring: str, edits: Sequence[Edit], trailers: Mapping[str, str]) -> str:
    names = [e.customer for e in edits if e.files]
    count = f"{len(names)} customer{'s' if len(names) != 1 else ''}"
    facts = [("Slipway-Release", release.commit), ("Slipway-Ring", ring)]
    facts += [("Slipway-Image", f"{i.component} {i.digest}") for i in release.images]
    facts += [("Slipway-Head", release.head)] if release.head else []
    facts += list(trailers.items())
    return (
        f"{config.app.name}: release {release.commit[:7]} to ring {ring} ({count})\n\n"
        f"{printable(release.subject)}\n\nCustomers: {', '.join(names)}\n\n"
        + "".join(f"{key}: {printable(value)}\n" for key, value in facts)
    )


def _pushed(config: Config, mirror: Mirror, commit: str, tip: str) -> bool:
    """Whether the server moved the branch from `tip` to our commit. Its parent is `tip`, so this only goes forward."""
    branch = f"refs/heads/{config.gitops.branch}"
    try:
        mirror.run("push", "--quiet", f"--force-with-lease={branch}:{tip}", mirror.url, f"{commit}:{branch}")
    except GitFailed as error:
        log.info("push: %s", printable(error.output.replace("\n", "; ")))
        return False
    return True


def _pause(tries: int, limit: int, config: Config, what: str) -> None:
    """Jitter, so that writers who met once do not meet again. Raises `ServiceUnavailable` at the limit."""
    if tries >= limit:
        raise ServiceUnavailable.because(
            f"{what}: {tries} tries",
            config.gitops.repository,
            "see the server's log and the push rights, then retry this run",
        )
    time.sleep(random.uniform(0, min(5.0, 0.05 * 2**tries)))  # noqa: S311 - not a secret
