"""A commit out of objects, pushed as a compare-and-swap: the only lock that counts is the one of the git server."""

import logging
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping

from tasks.command import printable
from tasks.config import Config
from tasks.errors import ServiceUnavailable
from tasks.git import GitFailed, Mirror
from tasks.gitops.tip import Tip

log = logging.getLogger(__name__)
AUTHOR = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
}
MOVED_LIMIT = 100
REFUSED_LIMIT = 5


def swap(config: Config, mirror: Mirror, tip: str, make: Callable[[str], str | None]) -> tuple[str, bool]:
    """Pushes what `make` makes on the tip; the commit, and whether it is new. `make` returns None when there is nothing to write.

    After any push that did not end well the remote is looked at, its message is not read: our commit is there:
    done; the branch moved: made again from where it is now; it stands still: tried again a few times. Nothing is ever
    merged, rebased or forced. Raises `ServiceUnavailable` when the remote takes no push.
    """
    refused, moved = 0, 0
    while (commit := make(tip)) is not None:
        if _pushed(config, mirror, commit, tip):
            return commit, True
        now = mirror.fetch(config.gitops.branch)
        if mirror.is_ancestor(commit, now):
            log.info("the push was taken although its answer was lost")
            return commit, True
        if now == tip:
            refused += 1
            _pause(refused, REFUSED_LIMIT, config, "the git remote takes no push")
            continue
        moved += 1
        log.info("%s came first, planning again", now[:7])
        _pause(moved, MOVED_LIMIT, config, "others push all the time")
        tip = now
    return tip, False


def write_commit(config: Config, mirror: Mirror, tip: str, files: Mapping[str, str], message: str, when: str) -> str:
    """A commit on `tip` with these blobs in place, through an index of its own: no work tree, no hooks, no filters.

    `when` is in seconds since 1970. The same files, message and time on the same tip give the same commit id.
    """
    modes = {p: e.mode for p, e in Tip.read(config, tip, sorted(files)).entries.items()}
    with tempfile.TemporaryDirectory() as folder:
        env = {"GIT_INDEX_FILE": os.path.join(folder, "index")}  # noqa: PTH118 - git wants text
        mirror.run("read-tree", tip, env=env)
        lines = "".join(f"{modes.get(path, '100644')} {blob}\t{path}\0" for path, blob in files.items())
        mirror.run("update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"), env=env)
        tree = mirror.run("write-tree", env=env)
    dates = {"GIT_AUTHOR_DATE": f"{when} +0000", "GIT_COMMITTER_DATE": f"{when} +0000"}
    return mirror.run("commit-tree", tree, "-p", tip, "-F", "-", stdin=message.encode(), env={**AUTHOR, **dates})


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
