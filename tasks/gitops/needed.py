"""The images that a customer runs or may go back to, by everything that the GitOps repository says and has said."""

import re

from tasks.config import Config
from tasks.git import GitFailed, Mirror
from tasks.gitops import state
from tasks.gitops.tip import Tip
from tasks.models import tag_of

NAMES = re.compile(rb"sha256:[0-9a-f]{64}|tree-[0-9a-f]{40}")
TREES = re.compile(rb"tree: .?([0-9a-f]{40})")
COMMITS = 1000
STATES = 12


def needed_images(config: Config) -> frozenset[str]:
    """Digests and tags (`tree-...`) that must stay, read from the branches as they are now.

    Every one that stands in any file at the tip, whoever wrote it and for whom; of each customer the last states before, as a
    rollback may go back to several; and the components of the app's main, which a release may be under way with.
    """
    tip = Tip.read(config)
    return frozenset(_at_tip(tip)) | frozenset(_before(tip)) | frozenset(_of_main(config))


def _at_tip(tip: Tip) -> set[str]:
    """By git's own search, as fast as the disk; no file is parsed, so that none can hide an image."""
    try:
        patterns = ("-e", "sha256:[0-9a-f]{64}", "-e", "tree-[0-9a-f]{40}", "-e", "tree: .?[0-9a-f]{40}")
        found = tip.mirror.run_bytes("grep", "-h", "-o", "-a", "-E", *patterns, tip.commit)
    except GitFailed as error:
        if error.code == 1 and not error.output:  # nothing was found
            return set()
        raise
    return _names(found)


def _before(tip: Tip) -> set[str]:
    """What the state files said before, up to so many states of each."""
    log = tip.mirror.run_bytes(
        "log",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "-z",
        f"--max-count={COMMITS}",
        "--format=",
        tip.commit,
        "--",
        state.FOLDER,
    )
    blobs: dict[bytes, list[str]] = {}
    for meta, path in re.findall(rb":(\d{6} \d{6} [0-9a-f]+ [0-9a-f]+ \w+)\0([^\0]+)\0", log):
        old = meta.split()[2].decode()
        if set(old) != {"0"} and len(seen := blobs.setdefault(path, [])) < STATES and old not in seen:
            seen.append(old)
    wanted = sorted({blob for seen in blobs.values() for blob in seen})
    if not wanted:
        return set()
    contents = tip.mirror.run_bytes("cat-file", "--batch", stdin="".join(f"{b}\n" for b in wanted).encode())
    return _names(contents)


def _of_main(config: Config) -> set[str]:
    mirror = Mirror.open(config.app.repository)
    tip = mirror.fetch(config.app.branch)
    return {tag_of(tree) for c in config.components.values() if (tree := mirror.tree(tip, c.path))}


def _names(content: bytes) -> set[str]:
    trees = {tag_of(tree.decode()) for tree in TREES.findall(content)}
    return trees | {name.decode() for name in NAMES.findall(content)}
