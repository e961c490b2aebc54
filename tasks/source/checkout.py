"""The commit under release: fetched into a bare mirror, checked to be one that main has been at."""

import logging

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.models import Reason, ReleaseRequest, Source
from tasks.output import printable

log = logging.getLogger(__name__)


def check_out(config: Config, request: ReleaseRequest) -> Source:
    """Fetches main and returns the commit with the tree ids of everything `release.yaml` names.

    Nothing is written to a work tree: builds take `git archive` of a tree, so hooks, links and filters of the
    commit do nothing here. Raises `ReleaseRefused` when the commit is unknown, not on main, or lacks a folder.
    """
    mirror = Mirror.open(config.app.repository)
    tip = mirror.fetch(config.app.branch)
    reach("app:fetched")
    _require_on_main(mirror, config, request.commit, tip)
    told = mirror.run("show", "--no-patch", "--format=%s%n%an", request.commit).split("\n")[:2]
    subject, author = map(printable, told)  # whoever pushes writes them, and they go into pages, commits and messages
    trees = _trees(mirror, config, request.commit)
    if missing := [path for path, tree in trees.items() if not tree]:
        raise ReleaseRefused(*(_missing(path, request.commit) for path in missing))
    log.info("%s: %s by %s", request.commit[:7], subject, author)
    return Source(commit=request.commit, subject=subject, author=author, trees=trees)


def tip(config: Config) -> Source:
    """What main is at now. Raises `ReleaseRefused` when it lacks a folder."""
    mirror = Mirror.open(config.app.repository)
    return check_out(config, ReleaseRequest(commit=mirror.fetch(config.app.branch)))


def _trees(mirror: Mirror, config: Config, commit: str) -> dict[str, str]:
    """Path that `release.yaml` names -> git id there, empty where nothing is."""
    end_to_end = config.e2e.paths if config.e2e else ()
    paths = sorted({*(path for c in config.components.values() for path in c.paths), *end_to_end})
    return {path: mirror.tree(commit, path) or "" for path in paths}


def _require_on_main(mirror: Mirror, config: Config, commit: str, tip: str) -> None:
    if not mirror.has_commit(commit):
        raise ReleaseRefused.because(
            f"commit {commit} is not known", config.app.repository, "push it first, or check the id"
        )
    # The first-parent line: a commit inside a merged branch is a state that main was never in.
    since = [f"^{commit}~1"] if _has_parent(mirror, commit) else []
    line = mirror.run("rev-list", "--first-parent", tip, *since)
    if commit not in line.split():
        raise ReleaseRefused.because(
            f"commit {commit[:7]} is not on {config.app.branch}",
            f"{config.app.repository}, {config.app.branch} is at {tip[:7]}",
            f"merge it to {config.app.branch}; only what stands there is released",
        )


def _has_parent(mirror: Mirror, commit: str) -> bool:
    return mirror.tree(f"{commit}~1", "") is not None


def _missing(path: str, commit: str) -> Reason:
    return Reason(
        what=f"there is no {path} in the app",
        where=f"commit {commit[:7]}",
        next_step="correct the path in release.yaml, or add it to the app",
    )
