"""Both git repositories: whether they answer, have the branch, and whether the GitOps one would take a push."""

import os
from collections.abc import Iterator
from pathlib import Path

from deployments.doctor.finding import Finding, from_error, ok, wrong
from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.git import GitFailed, Mirror
from tasks.home import scratch

# Source: git's own, the same in every repository: the id of a tree without entries.
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
AUTHOR = {f"GIT_{who}_{what}": "slipway@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
SAID = 300


def app(config: Config) -> Iterator[Finding]:
    """The app's repository is read only."""
    area = "app repository"
    read = list(_readable(area, config.app.repository, config.app.branch))
    yield from read
    if all(f.state == "ok" for f in read):
        yield from _folders(area, config)


def gitops(config: Config) -> Iterator[Finding]:
    """The GitOps repository is written: the server is asked for a push that is then not made."""
    area, place = "GitOps repository", config.gitops.repository
    read = list(_readable(area, place, config.gitops.branch))
    yield from read
    if all(f.state == "ok" for f in read):
        yield _writable(area, place)


def _readable(area: str, url: str, branch: str) -> Iterator[Finding]:
    with scratch("doctor") as folder:
        try:
            head = _bare(folder, url).remote_head(branch)
        except SlipwayError as error:
            yield from from_error(area, error)
            return
    if head is None:
        yield wrong(area, f"{url} has no branch {branch}", "push the branch, or correct it in release.yaml")
    else:
        yield ok(area, f"{url}: {branch} is at {head[:7]}")


def _writable(area: str, url: str) -> Finding:
    """`git push --dry-run` speaks with the server's receive-pack, for which a forge wants the right to write, and sends nothing.

    Source: git-push(1), --dry-run. Rules on branches are not asked; `forge` says what it sees of them.
    """
    if Path(url).is_dir():  # git would not notice before it writes
        if os.access(url, os.W_OK):
            return ok(area, "the folder can be written")
        return wrong(area, f"{url} cannot be written", "give it to the user that Slipway runs as")
    with scratch("doctor") as folder:
        mirror = _bare(folder, url)
        commit = mirror.run("commit-tree", EMPTY_TREE, "-m", "never sent", env=AUTHOR)
        try:
            mirror.run("push", "--quiet", "--dry-run", url, f"{commit}:refs/heads/slipway/doctor")
        except GitFailed as error:
            said = printable("; ".join(line.strip() for line in error.output.splitlines()))[:SAID]
            return wrong(area, f"it takes no push from us: {said}", "give the token or key the right to write")
    return ok(area, "it would take a push (asked, not made)")


def _bare(folder: Path, url: str) -> Mirror:
    mirror = Mirror(folder, url)
    mirror.run("init", "--quiet", "--bare", ".")
    mirror.run("mktree", stdin=b"")
    return mirror


def _folders(area: str, config: Config) -> Iterator[Finding]:
    """What release.yaml names must be in the app at the branch's tip."""
    mirror = Mirror.open(config.app.repository)
    tip = mirror.fetch(config.app.branch)
    wanted = {c.dockerfile: f"components.{name}" for name, c in config.components.items()}
    if config.e2e:
        wanted[config.e2e.file] = "e2e"
    missing = {path: where for path, where in wanted.items() if mirror.tree(tip, path.removeprefix("./")) is None}
    for path, where in missing.items():
        yield wrong(area, f"there is no {path} at {tip[:7]}", f"correct {where} in release.yaml, or add the file")
    if not missing:
        yield ok(area, f"every Dockerfile that release.yaml names is there ({len(wanted)})")
