"""The life of a pull request, the same on every forge. Each function can be run again after it was killed anywhere."""

import logging

from tasks.config.forge import Forge
from tasks.errors import ReleaseRefused
from tasks.forge.client import Client, Found
from tasks.forge.failures import ForgeRefused, where
from tasks.forge.forges import connect
from tasks.models import PullRequest

log = logging.getLogger(__name__)
ALREADY_THERE = (409, 422)


def open_pull_request(settings: Forge, branch: str, base: str, title: str, body: str) -> PullRequest:
    """The one pull request from `branch` into `base`, opened if need be.

    An open one is adopted, with this title and body. One that ended with the branch's present commit is returned as it
    is: merged, or closed, which is a person's no. Two calls at once end with one pull request.
    Raises `ReleaseRefused` when there is no such branch or nothing to merge.
    """
    with connect(settings) as forge:
        head = forge.head_of(branch)
        standing = forge.find(branch, base, head)
        if standing:
            return _adopt(forge, _best(standing), title, body)
        if head is None:
            raise ReleaseRefused.because(f"there is no branch {branch}", where(settings), "push the branch first")
        try:
            opened = forge.create(branch, base, title, body).pull_request
        except ForgeRefused as refused:
            first = [f for f in forge.find(branch, base, head) if f.pull_request.state == "open"]
            if refused.status not in ALREADY_THERE or not first:
                raise
            return _adopt(forge, first[0], title, body)
        log.info("%s: opened %s", settings.project, opened.url)
        return opened


def read_pull_request(settings: Forge, number: int) -> PullRequest:
    """What became of it: state, head, and once merged the commit it is on the base, whichever way it was merged."""
    with connect(settings) as forge:
        return forge.read(number).pull_request


def merge_when_ready(settings: Forge, pull_request: PullRequest) -> PullRequest:
    """Merges it as soon as the forge's rules allow: reviews are there, no check is open or failed.

    Does not wait: while the answer is open, call it again. Only the head of `pull_request` is merged.
    Raises `ReleaseRefused` when the head has moved, or when the branch can no longer be merged into its base.
    """
    with connect(settings) as forge:
        found = forge.read(pull_request.number)
        if found.pull_request.state == "closed":
            return found.pull_request
        _same_head(forge, found, pull_request)
        if found.pull_request.state == "merged":
            return found.pull_request
        try:
            forge.merge(found)
        except ForgeRefused:
            _same_head(forge, forge.read(pull_request.number), pull_request)
            raise
        now = forge.read(pull_request.number)
        _same_head(forge, now, pull_request)
        log.info("%s: %s is %s", settings.project, now.pull_request.url, now.pull_request.state)
        return now.pull_request


def close_pull_request(settings: Forge, number: int, comment: str) -> PullRequest:
    """Closes it, with the reason as a comment; one that has ended already is returned as it is."""
    with connect(settings) as forge:
        found = forge.read(number)
        if found.pull_request.state != "open":
            return found.pull_request
        if comment and not any(_same(comment, text) for text in forge.comments(found)):
            forge.comment(found, comment)
        forge.close(found)
        log.info("%s: closed %s", settings.project, found.pull_request.url)
        return forge.read(number).pull_request


def _best(standing: list[Found]) -> Found:
    return next((f for f in standing if f.pull_request.state == "open"), standing[0])


def _adopt(forge: Client, found: Found, title: str, body: str) -> PullRequest:
    if found.pull_request.state != "open" or (_same(found.title, title) and _same(found.body, body)):
        return found.pull_request
    return forge.edit(found, title, body).pull_request


def _same(one: str, other: str) -> bool:
    """Forges rewrite line ends and trim."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def _same_head(forge: Client, found: Found, expected: PullRequest) -> None:
    now = found.pull_request
    if now.head == expected.head:
        return
    if now.state == "open":
        forge.stop_merging(found)
    raise ReleaseRefused.because(
        f"pull request {now.number} has another head than ours: {now.head[:10]} instead of {expected.head[:10]}"
        + (", and was merged with it" if now.state == "merged" else ""),
        now.url,
        f"somebody pushed to {now.branch}; see what, then start the release again",
    )
