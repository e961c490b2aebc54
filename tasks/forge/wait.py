"""Waits for a pull request's end: merged, or closed by a person, or its time is over."""

import logging
import random
import time
from collections.abc import Iterator

from tasks.config.forge import Forge
from tasks.config.gitops import PullRequests
from tasks.errors import RateLimited, ReleaseRefused, ServiceUnavailable
from tasks.forge.pull_request import merge_when_ready, read_pull_request
from tasks.models import CommitId, PullRequest

log = logging.getLogger(__name__)


def watched(forge: Forge, settings: PullRequests, asked: PullRequest, head: CommitId) -> Iterator[PullRequest]:
    """The pull request as it is now, again and again; the last one is merged. With `merge: auto` each look also asks for the merge.

    Only `head` is merged: whoever may push to the branch must not get something else released. A forge that does not
    answer for a while is asked again. Raises `ReleaseRefused` when a person closes it, or when the time is over.
    """
    deadline = time.monotonic() + settings.timeout
    while True:
        pause = settings.poll
        try:
            asked = _look(forge, settings, asked, head)
            yield asked
        except ServiceUnavailable as error:
            log.warning("%s", error)
            pause = max(pause, error.retry_after_seconds if isinstance(error, RateLimited) else 0.0)
        if asked.state == "merged":
            return
        if asked.state == "closed":
            raise _ended(
                asked, "was closed without a merge", "nothing, if it was meant; else reopen it and retry this run"
            )
        if time.monotonic() > deadline:
            waited = f"is not merged after {settings.timeout:g} s"
            raise _ended(asked, waited, "merge it, then retry this run, which finds it there; or close it")
        time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret


def _look(forge: Forge, settings: PullRequests, asked: PullRequest, head: CommitId) -> PullRequest:
    found = read_pull_request(forge, asked.number)
    if settings.merge == "wait" or found.state != "open":
        return found
    if found.head != head:  # the forge may also see our own push a moment late
        log.warning(
            "pull request %d is at %s, not at %s that was proposed: not merged", found.number, found.head[:7], head[:7]
        )
        return found
    return merge_when_ready(forge, found)


def _ended(asked: PullRequest, how: str, next_step: str) -> ReleaseRefused:
    return ReleaseRefused.because(f"pull request {asked.number} {how}", asked.url, next_step)
