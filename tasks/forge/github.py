"""GitHub and GitHub Enterprise, by PyGithub."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from tasks.config.forge import Forge
from tasks.errors import ReleaseRefused
from tasks.forge.client import TIMEOUT_SECONDS, Found
from tasks.forge.failures import Failures, ForgeRefused
from tasks.models import PullRequest, StatusState

if TYPE_CHECKING:
    from github.PullRequest import PullRequest as Raw
    from github.Requester import Requester

log = logging.getLogger(__name__)
READY = ("clean", "has_hooks")
BLOCKED = "blocked"  # by a rule that somebody or something can still fulfil
HOPELESS = {"dirty": "conflicts with", "behind": "is behind"}
UNPROCESSABLE = 422
GRAPHQL_STATUS = {"UNPROCESSABLE": UNPROCESSABLE, "FORBIDDEN": 403, "NOT_FOUND": 404, "RATE_LIMITED": 429}
METHODS = {"allow_merge_commit": "merge", "allow_rebase_merge": "rebase", "allow_squash_merge": "squash"}
"""In the order of preference: the first two keep our commit, or at least its message, as a commit of its own."""


class GitHub:
    """A `client.Client`. The library's own retries and pauses are off: `steps.py` is the one page of retries."""

    def __init__(self, settings: Forge, token: str) -> None:
        import github

        self.settings, self._failures = settings, Failures(settings, token)
        client = github.Github(
            auth=github.Auth.Token(token),
            base_url=(settings.url or "https://api.github.com").rstrip("/"),
            timeout=TIMEOUT_SECONDS,
            user_agent="slipway",
            verify=settings.ca_file or True,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._repository = client.get_repo(settings.project, lazy=True)
        _tell_redirects(self._repository.requester)  # which is a copy of the client's own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._repository.requester.close()

    def head_of(self, branch: str) -> str | None:
        try:
            with self._telling(f"reading the branch {branch}"):
                return self._repository.get_git_ref(f"heads/{branch}").object.sha
        except ForgeRefused as refused:
            if refused.status == 404:  # or the repository is not visible, which `find` will say
                return None
            raise

    def find(self, branch: str, base: str, head: str | None) -> list[Found]:
        owner = self.settings.project.partition("/")[0]
        with self._telling(f"looking for the pull request of {branch}"):
            raws = list(self._repository.get_pulls(state="all", head=f"{owner}:{branch}", base=base))
            found = [self._found(raw) for raw in raws if self._is_ours(raw)]
        return [f for f in found if f.pull_request.state == "open" or head in (None, f.pull_request.head)]

    def create(self, branch: str, base: str, title: str, body: str) -> Found:
        with self._telling(f"opening a pull request from {branch}"):
            return self._found(self._repository.create_pull(base=base, head=branch, title=title, body=body))

    def edit(self, found: Found, title: str, body: str) -> Found:
        with self._telling(f"changing the text of pull request {found.pull_request.number}"):
            found.raw.edit(title=title, body=body)
            return self._found(found.raw)

    def read(self, number: int) -> Found:
        with self._telling(f"reading pull request {number}"):
            return self._found(self._repository.get_pull(number))

    def merge(self, found: Found) -> None:
        """Merges now, or enables auto-merge where the repository allows it.

        GitHub checks the expected head when auto-merge is enabled, and switches it off when somebody without write
        access pushes, but not when a writer does: `merge_when_ready` looks at the head each time it is called.
        Source: GitHub Docs, "Automatically merging a pull request".
        """
        raw: Raw = found.raw
        with self._telling(f"merging pull request {raw.number}"):
            state = raw.mergeable_state
        if state in HOPELESS:
            raise self._hopeless(raw, HOPELESS[state])
        if state in READY:
            self._merge_now(raw)
        elif state == BLOCKED:
            self._schedule(raw)
        else:
            log.info("%s: pull request %s waits, it is %s", self.settings.project, raw.number, state)

    def stop_merging(self, found: Found) -> None:
        if self._is_scheduled(found.raw):
            with self._telling(f"taking back the auto-merge of pull request {found.pull_request.number}"):
                found.raw.disable_automerge()

    def close(self, found: Found) -> None:
        with self._telling(f"closing pull request {found.pull_request.number}"):
            found.raw.edit(state="closed")

    def comments(self, found: Found) -> list[str]:
        with self._telling(f"reading the comments of pull request {found.pull_request.number}"):
            return [c.body or "" for c in found.raw.get_issue_comments()]

    def comment(self, found: Found, text: str) -> None:
        with self._telling(f"commenting on pull request {found.pull_request.number}"):
            found.raw.create_issue_comment(text)

    def set_status(self, commit: str, context: str, state: StatusState, description: str, url: str) -> None:
        target = {"target_url": url} if url else {}
        with self._telling(f"setting the status {context} of {commit[:10]}"):
            there = self._repository.get_commit(commit)
            there.create_status(state, context=context, description=description, **target)

    def _merge_now(self, raw: Raw) -> None:
        try:
            with self._telling(f"merging pull request {raw.number}"):
                raw.merge(merge_method=self._method(), sha=raw.head.sha)
        except ForgeRefused as refused:
            if refused.status != 405:
                raise
            # A rule stands before it, such as a merge queue, or the base moved under it.
            log.warning("%s: pull request %s is not merged yet: %s", self.settings.project, raw.number, refused)
            self._schedule(raw)

    def _schedule(self, raw: Raw) -> None:
        try:
            with self._telling(f"enabling auto-merge of pull request {raw.number}"):
                if self._repository.allow_auto_merge and not self._is_scheduled(raw):
                    raw.enable_automerge(merge_method=self._method().upper(), expected_head_oid=raw.head.sha)
        except ForgeRefused as refused:
            if refused.status != UNPROCESSABLE:
                raise
            # Such as: became ready meanwhile. The next call sees.
            log.warning("%s: pull request %s is not merged yet: %s", self.settings.project, raw.number, refused)

    def _method(self) -> str:
        """How the repository lets pull requests be merged; shown to those who may push only."""
        return next((name for key, name in METHODS.items() if getattr(self._repository, key)), "merge")

    def _is_scheduled(self, raw: Raw) -> bool:
        return bool(raw.raw_data.get("auto_merge"))

    def _is_ours(self, raw: Raw) -> bool:
        return raw.head.repo is not None and raw.head.repo.full_name.lower() == self.settings.project.lower()

    def _hopeless(self, raw: Raw, how: str) -> ReleaseRefused:
        return ReleaseRefused.because(
            f"pull request {raw.number} {how} its base {raw.base.ref}",
            raw.html_url,
            "close it and start the release again: it plans from the newest base",
        )

    def _found(self, raw: Raw) -> Found:
        # The lists have no field `merged`, and merge_commit_sha of an open one is GitHub's own trial merge.
        state = "merged" if raw.merged_at else raw.state
        value = PullRequest(
            number=raw.number,
            url=raw.html_url,
            state=state,
            branch=raw.head.ref,
            head=raw.head.sha,
            merged_as=raw.merge_commit_sha if state == "merged" else "",
        )
        return Found(value, raw.title or "", raw.body or "", raw)

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Turns the library's errors into ours."""
        from github import GithubException, RateLimitExceededException
        from requests import RequestException

        try:
            yield
        except GithubException as error:
            limited = isinstance(error, RateLimitExceededException)
            status = _graphql_status(error.data) or error.status
            raise self._failures.answered(doing, status, error.headers or {}, error.data, limited=limited) from error
        except RequestException as error:
            raise self._failures.unreachable(doing, error) from error
        except (ValidationError, AttributeError, TypeError, AssertionError) as error:
            raise self._failures.nonsense(doing) from error
        except RuntimeError as error:  # how the library says that the server sent it elsewhere
            raise self._failures.answered(doing, 301, {}, str(error)) from error


def _tell_redirects(requester: Requester) -> None:
    """Makes a redirect an error. The library follows a 301 on the same host, as of a renamed repository, which is right,
    but takes every other one for a success with an empty answer.
    """
    ask = requester.requestJson

    def asked(*arguments: Any, **named: Any) -> Any:
        status, headers, output = ask(*arguments, **named)
        if 300 <= status < 400:
            raise requester.createException(status, headers, {"message": "redirected"})
        return status, headers, output

    requester.requestJson = asked


def _graphql_status(body: Any) -> int | None:
    """GraphQL answers 200 and says in the first error's type what it is."""
    errors = body.get("errors") if isinstance(body, dict) and "data" in body else None
    return GRAPHQL_STATUS.get(errors[0].get("type", "")) if errors else None
