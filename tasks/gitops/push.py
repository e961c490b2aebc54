"""A commit out of objects, pushed as a compare-and-swap: the only lock that counts is the one of the git server."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.failpoints import reach
from tasks.git import GitFailed, Mirror
from tasks.gitops.tip import Tip
from tasks.gitops.turn import turn
from tasks.home import scratch

log = logging.getLogger(__name__)
AUTHOR = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
}
MOVED_LIMIT = 200
REFUSED_LIMIT = 5
LOOK_LIMIT = 5
SAID = 500
CROWD = 16
GONE = "0" * 40


def swap(config: Config, mirror: Mirror, tip: str, make: Callable[[str], str | None]) -> tuple[str, bool]:
    """Pushes what `make` makes on the tip; the commit, and whether it is new. `make` returns None when there is nothing to write.

    After any push that did not end well the remote is looked at, its message is not read: our commit is there:
    done; the branch moved: made again from where it is now; it stands still: tried again a few times. Nothing is ever
    merged, rebased or forced. Raises `ServiceUnavailable` when the remote takes no push.
    """
    refused, moved = 0, 0
    with turn(config.gitops.repository) as waited:
        while (commit := make(tip)) is not None:
            begun = time.monotonic()
            # Who had to wait for a turn comes late, most likely: to ask costs less than to push.
            now, said = _offer(config, mirror, commit, tip, ask=waited and not moved + refused)
            if mirror.is_ancestor(commit, now):
                log.info("pushed %s%s", commit[:7], ", although the answer was lost" if said else "")
                return commit, True
            if now == tip:
                refused += 1
                _require_hope(refused, REFUSED_LIMIT, config, f"the git remote takes no push: {said}")
                _wait(0.05 * 2**refused)
                continue
            moved += 1
            log.info("%s came first, planning again", now[:7])
            _require_hope(moved, MOVED_LIMIT, config, "others push all the time")
            tip = now
            if moved > 1:
                _wait((time.monotonic() - begun) * min(moved, CROWD))
                tip = _look(config, mirror)
    return tip, False


def _offer(config: Config, mirror: Mirror, commit: str, tip: str, ask: bool) -> tuple[str, str]:
    """Pushes the commit onto `tip`; where the branch is then, and what the server said if it did not end well.

    With `ask` the branch is looked at before, and nothing is pushed when it is elsewhere.
    """
    if ask and (now := mirror.tip(config.gitops.branch)) != tip:
        return now, ""
    said = _push(config, mirror, commit, tip)
    return (_look(config, mirror), said) if said else (commit, "")


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
    """A commit on `tip` with these blobs in place (an empty id takes the file away), through an index of its own: no work tree, no hooks, no filters.

    `when` is in seconds since 1970. The same files, message and time on the same tip give the same commit id.
    """
    tree = _write_tree(config, mirror, tip, files)
    dates = {"GIT_AUTHOR_DATE": f"{when} +0000", "GIT_COMMITTER_DATE": f"{when} +0000"}
    commit = mirror.run("commit-tree", tree, "-p", tip, "-F", "-", stdin=message.encode(), env={**AUTHOR, **dates})
    reach("commit:after")
    return commit


def _write_tree(config: Config, mirror: Mirror, tip: str, files: Mapping[str, str]) -> str:
    """Raises `ReleaseRefused` when git takes the tree of the tip, or a file's place in it, for an attack or a mistake."""
    entries = Tip.read(config, tip).entries
    where = f"{config.gitops.repository}, commit {tip[:7]}"
    # git would put a folder in the place of a person's file without a word.
    if blocked := sorted({str(p) for path in files for p in PurePosixPath(path).parents if str(p) in entries}):
        raise ReleaseRefused.because(
            f"{', '.join(blocked)}: a file, where a folder should be", where, "move it, then start this release again"
        )
    modes = {path: entries[path].mode if path in entries else "100644" for path in files}
    # Source: git-update-index(1), USING --INDEX-INFO: mode 0 removes the path.
    lines = "".join(f"{modes[path] if blob else 0} {blob or GONE}\t{path}\0" for path, blob in files.items())
    with scratch("index") as folder:
        env = {"GIT_INDEX_FILE": str(folder / "index")}
        try:
            mirror.run("read-tree", tip, env=env)
            mirror.run("update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"), env=env)
        except GitFailed as error:
            raise ReleaseRefused.because(
                f"git cannot put the files in place: {printable(error.output)[:SAID]}",
                where,
                "take what it names out of the GitOps repository, then start this release again",
            ) from error
        reach("tree:before")
        tree = mirror.run("write-tree", env=env)
        reach("tree:after")
    return tree


def _push(config: Config, mirror: Mirror, commit: str, tip: str) -> str:
    """Asks the server to move the branch from `tip` to our commit, which only goes forward: its parent is `tip`.

    Empty when it has; else what it said, for people to read and for nothing else.
    """
    branch = f"refs/heads/{config.gitops.branch}"
    reach("push:before")
    try:
        mirror.run("push", "--quiet", f"--force-with-lease={branch}:{tip}", mirror.url, f"{commit}:{branch}")
    except GitFailed as error:
        said = printable("; ".join(line.strip() for line in error.output.splitlines()))[:SAID] or "nothing"
        log.info("push: %s", said)
        return said
    finally:
        reach("push:after")
    return ""


def _look(config: Config, mirror: Mirror) -> str:
    """Where the branch is now. A push may have been taken: one answer that does not come must not hide that."""
    for tries in range(1, LOOK_LIMIT):
        try:
            return mirror.fetch(config.gitops.branch)
        except ServiceUnavailable as error:
            log.info("looking where the branch is: %s", error.reasons[0].what)
            _wait(0.05 * 2**tries)
    return mirror.fetch(config.gitops.branch)


def _require_hope(tries: int, limit: int, config: Config, what: str) -> None:
    """Raises `ServiceUnavailable` at the limit."""
    if tries >= limit:
        raise ServiceUnavailable.because(
            f"{what}: {tries} tries",
            config.gitops.repository,
            "see the server's log and the push rights, then retry this run",
        )


def _wait(longest_seconds: float) -> None:
    """Any time up to the longest, so that writers who met once do not meet again."""
    time.sleep(random.uniform(0, min(5.0, longest_seconds)))  # noqa: S311 - not a secret
