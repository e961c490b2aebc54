"""A developer's checkout as a source: its commit, or what stands in its files now. Nothing in the checkout is changed."""

from pathlib import Path

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.git import GitFailed, Mirror
from tasks.home import scratch
from tasks.models import Source
from tasks.output import printable


def read(config: Config, folder: Path, uncommitted: bool = False) -> Source:
    """HEAD of the checkout that `folder` is in, or with `uncommitted` its files as they are, without the ignored ones.

    Objects go into our own mirror of the app, by an index of our own: the checkout's index, files and objects are only read.
    Raises `ReleaseRefused` when there is no checkout, no commit, or a folder that release.yaml names is missing.
    """
    root, commit = _checkout(folder)
    mirror = Mirror.open(config.app.repository)
    mirror.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(root), "HEAD")
    subject, author = map(printable, mirror.run("show", "--no-patch", "--format=%s%n%an", commit).split("\n")[:2])
    if uncommitted:
        commit = _committed(mirror, _snapshot(mirror, root, commit), commit)
    trees = {path: mirror.tree(commit, path) for path in _paths(config)}
    if missing := [path for path, found in trees.items() if found is None]:
        raise ReleaseRefused.because(
            f"there is no folder {', '.join(missing)} in the checkout",
            str(root),
            "is it the app's repository? --path names another; what is not committed counts with --uncommitted",
        )
    return Source(commit=commit, subject=subject, author=author, trees={p: t for p, t in trees.items() if t})


def _checkout(folder: Path) -> tuple[Path, str]:
    here = Mirror(folder, "")
    try:
        return Path(here.run("rev-parse", "--show-toplevel")), here.run("rev-parse", "--verify", "HEAD^{commit}")
    except (GitFailed, OSError) as error:
        raise ReleaseRefused.because(
            f"no checkout with a commit: {error}", str(folder), "name the app's checkout with --path"
        ) from error


def _snapshot(mirror: Mirror, root: Path, commit: str) -> str:
    """The tree of the files as they are: `git add --all` into a scratch index, with the mirror's object store."""
    ignored = root / Mirror(root, "").run("rev-parse", "--git-path", "info/exclude")
    with scratch("index") as folder:
        there = ["-c", f"core.excludesFile={ignored}", "--git-dir", str(mirror.directory), "--work-tree", str(root)]
        env = {"GIT_INDEX_FILE": str(folder / "index")}
        mirror.run(*there, "read-tree", commit, env=env)
        mirror.run(*there, "add", "--all", env=env)
        return mirror.run(*there, "write-tree", env=env)


def _committed(mirror: Mirror, tree: str, parent: str) -> str:
    """A commit of the tree in our own mirror, on no branch: all that is read of a commit is then what stands in the files."""
    who = {f"GIT_{role}_{key}": "slipway" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    when = dict.fromkeys(
        ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2000-01-01T00:00:00Z"
    )  # the same files, the same id
    return mirror.run("commit-tree", tree, "-p", parent, "-m", "files that are not committed", env=who | when)


def _paths(config: Config) -> list[str]:
    end_to_end = config.e2e.paths if config.e2e else ()
    return sorted({*(path for c in config.components.values() for path in c.paths), *end_to_end})
