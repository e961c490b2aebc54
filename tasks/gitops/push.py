"""A commit out of objects, pushed as a compare-and-swap: the only lock that counts is the one of the git server."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence

from tasks.command import printable
from tasks.config import Config
from tasks.errors import ServiceUnavailable
from tasks.failpoints import reach
from tasks.git import GitFailed, Mirror, scratch
from tasks.gitops.tip import Tip

log = logging.getLogger(__name__)
AUTHOR = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
}
MOVED_LIMIT = 200
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


def write_blobs(mirror: Mirror, contents: Sequence[bytes]) -> list[str]:
    """Puts contents into the mirror by one process; their blob ids, in the same order."""
    if not contents:
        return []
    stream = b"".join(
        b"blob\nmark :%d\ndata %d\n%s\nget-mark :%d\n" % (n, len(c), c, n) for n, c in enumerate(contents, 1)
    )
    reach("blobs:before")
    # Source: git-fast-import(1); blobs need no ref, and a second one of the same content is not stored.
    ids = mirror.run("fast-import", "--quiet", "--done", stdin=stream + b"done\n").split()
    reach("blobs:after")
    return ids


def write_commit(config: Config, mirror: Mirror, tip: str, files: Mapping[str, str], message: str, when: str) -> str:
    """A commit on `tip` with these blobs in place, through an index of its own: no work tree, no hooks, no filters.

    `when` is in seconds since 1970. The same files, message and time on the same tip give the same commit id.
    """
    entries = Tip.read(config, tip).entries
    modes = {path: entries[path].mode if path in entries else "100644" for path in files}
    with scratch("index") as folder:
        env = {"GIT_INDEX_FILE": str(folder / "index")}
        mirror.run("read-tree", tip, env=env)
        lines = "".join(f"{modes[path]} {blob}\t{path}\0" for path, blob in files.items())
        mirror.run("update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"), env=env)
        reach("tree:before")
        tree = mirror.run("write-tree", env=env)
        reach("tree:after")
    dates = {"GIT_AUTHOR_DATE": f"{when} +0000", "GIT_COMMITTER_DATE": f"{when} +0000"}
    commit = mirror.run("commit-tree", tree, "-p", tip, "-F", "-", stdin=message.encode(), env={**AUTHOR, **dates})
    reach("commit:after")
    return commit


def _pushed(config: Config, mirror: Mirror, commit: str, tip: str) -> bool:
    """Whether the server moved the branch from `tip` to our commit. Its parent is `tip`, so this only goes forward."""
    branch = f"refs/heads/{config.gitops.branch}"
    reach("push:before")
    try:
        mirror.run("push", "--quiet", f"--force-with-lease={branch}:{tip}", mirror.url, f"{commit}:{branch}")
    except GitFailed as error:
        log.info("push: %s", printable(error.output.replace("\n", "; ")))
        return False
    finally:
        reach("push:after")
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
