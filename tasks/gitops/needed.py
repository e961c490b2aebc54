"""The images that a customer runs or may go back to, by everything that the GitOps repository says and has said."""

import re
from collections.abc import Iterable

from tasks.config.model import Config
from tasks.git import GitFailed
from tasks.gitops import state
from tasks.gitops.tip import Tip
from tasks.models import tag_of

NAMES = re.compile(rb"sha256:[0-9a-f]{64}|(?:tree|content)-[0-9a-f]{40}")
# As a state file has them: what an image is found by.
TREES = re.compile(rb"tree: .?([0-9a-f]{40})")
KEYS = re.compile(rb"key: .?([0-9a-f]{64})")
RAW = re.compile(rb":\d{6} \d{6} ([0-9a-f]+) [0-9a-f]+ \w+\0([^\0]+)\0")
COMMITS = 1000
STATES = 20


def needed_images(config: Config, commits: int = COMMITS) -> frozenset[str]:
    """Digests and tags (`content-...`, `tree-...`) that must stay, read from the branch as it is now.

    Every one that stands in any file at the tip, whoever wrote it and for whom; and of each customer the last states before, as
    a rollback may go back to several. So many newest commits are read at once, and customers of whom they tell little one by one.
    """
    tip = Tip.read(config)
    return frozenset(_at_tip(tip) | _named(tip, _before(tip, commits)))


def _at_tip(tip: Tip) -> set[str]:
    """By git's own search, as fast as the disk; no file is parsed, so that none can hide an image."""
    patterns = ("sha256:[0-9a-f]{64}", "(tree|content)-[0-9a-f]{40}", "tree: .?[0-9a-f]{40}", "key: .?[0-9a-f]{64}")
    wanted = [argument for pattern in patterns for argument in ("-e", pattern)]
    try:
        return _names(tip.mirror.run_bytes("grep", "-h", "-o", "-a", "-E", *wanted, tip.commit))
    except GitFailed as error:
        if error.code == 1 and not error.output:  # nothing was found
            return set()
        raise


def _before(tip: Tip, commits: int) -> set[str]:
    """Blobs of the state files as they were before, up to so many states of each customer."""
    states = _states(tip, commits, state.FOLDER)
    if int(tip.mirror.run("rev-list", "--count", f"--max-count={commits}", tip.commit, "--", state.FOLDER)) == commits:
        there = {p for p in tip.entries if p.startswith(f"{state.FOLDER}/")}
        for path in sorted(p for p in there if len(states.get(p, ())) < STATES):
            states |= _states(tip, STATES, path)
    return {blob for seen in states.values() for blob in seen}


def _states(tip: Tip, commits: int, under: str) -> dict[str, list[str]]:
    """Path -> the blobs that it had before, newest first. Source: git-diff(1), RAW OUTPUT FORMAT, with -z."""
    arguments = ("--raw", "--no-abbrev", "--no-renames", "-z", f"--max-count={commits}", "--format=")
    log = tip.mirror.run_bytes("log", *arguments, tip.commit, "--", under)
    states: dict[str, list[str]] = {}
    for old, name in RAW.findall(log):
        seen, blob = states.setdefault(name.decode("utf-8", "surrogateescape"), []), old.decode()
        if set(blob) != {"0"} and len(seen) < STATES and blob not in seen:
            seen.append(blob)
    return states


def _named(tip: Tip, blobs: Iterable[str]) -> set[str]:
    """What these blobs name."""
    wanted = "".join(f"{blob}\n" for blob in sorted(blobs)).encode()
    return _names(tip.mirror.run_bytes("cat-file", "--batch", stdin=wanted)) if wanted else set()


def _names(content: bytes) -> set[str]:
    tags = {tag_of(tree.decode()) for tree in TREES.findall(content)}
    tags |= {tag_of("", key.decode()) for key in KEYS.findall(content)}
    return tags | {name.decode() for name in NAMES.findall(content)}
