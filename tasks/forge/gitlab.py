"""GitLab, by python-gitlab; a pull request is a merge request there."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from pydantic import ValidationError

from tasks.config.forge import Forge
from tasks.errors import ReleaseRefused
from tasks.forge.client import TIMEOUT_SECONDS, Found
from tasks.forge.failures import Failures, ForgeRefused
from tasks.models import PullRequest, StatusState

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)
STATES = {"opened": "open", "locked": "open", "closed": "closed", "merged": "merged"}
"""locked: being merged at this moment."""

HOPELESS = {"conflict": "conflicts with", "need_rebase": "is behind"}
SCHEDULABLE = ("mergeable", "ci_still_running")
"""Of the states of `detailed_merge_status`; with the others GitLab answers 405, or merges past a failed pipeline."""

FAILED = ("failed", "canceled")
SAME_STATUS = 400
STATUS_STATES = {"pending": "pending", "success": "success", "failure": "failed"}


class GitLab:
    """A `client.Client`."""

    def __init__(self, settings: Forge, token: str) -> None:
        import gitlab

        self.settings, self._failures = settings, Failures(settings, token)
        self._gitlab = gitlab.Gitlab(
            (settings.url or "https://gitlab.com").rstrip("/").removesuffix("/api/v4"),
            private_token=token,
            ssl_verify=settings.ca_file or True,
            timeout=TIMEOUT_SECONDS,
            user_agent="slipway",
            keep_base_url=True,  # a next page is asked of the configured address, wherever the server thinks it is
        )
        # Before the library sees a failing answer: it would wait and retry by itself, and its errors lose the headers.
        self._gitlab.session.hooks["response"].append(_raise_failure)
        self._project = f"/projects/{quote(settings.project, safe='')}"
        self._requests = f"{self._project}/merge_requests"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gitlab.session.close()

    def head_of(self, branch: str) -> str | None:
        try:
            return self._get(
                f"reading the branch {branch}", f"{self._project}/repository/branches/{quote(branch, safe='')}"
            )["commit"]["id"]
        except ForgeRefused as refused:
            if refused.status == 404:  # or the project is not visible, which `find` will say
                return None
            raise

    def find(self, branch: str, base: str, head: str | None) -> list[Found]:
        query = {"source_branch": branch, "target_branch": base, "state": "all", "order_by": "created_at"}
        with self._telling(f"looking for the merge request of {branch}"):
            raws = list(self._gitlab.http_list(self._requests, query_data=query, iterator=True))
            found = [self._found(raw) for raw in raws if raw["source_project_id"] == raw["target_project_id"]]
        return [f for f in found if f.pull_request.state == "open" or head in (None, f.pull_request.head)]

    def create(self, branch: str, base: str, title: str, body: str) -> Found:
        sent = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
        with self._telling(f"opening a merge request from {branch}"):
            return self._found(self._gitlab.http_post(self._requests, post_data=sent))

    def edit(self, found: Found, title: str, body: str) -> Found:
        return self._change(
            found, f"changing the text of merge request {_number(found)}", title=title, description=body
        )

    def read(self, number: int) -> Found:
        with self._telling(f"reading merge request {number}"):
            return self._found(self._gitlab.http_get(f"{self._requests}/{number}"))

    def merge(self, found: Found) -> None:
        """Merges now, or sets auto-merge while the pipeline runs. A later push cancels it, so only this head is merged.

        merge_when_pipeline_succeeds is the name before GitLab 17.11, auto_merge the one since.
        Source: GitLab Docs, "Merge requests API", "Merge a merge request"; "Auto-merge".
        """
        raw, doing = found.raw, f"merging merge request {_number(found)}"
        state = raw.get("detailed_merge_status", "")
        if state in HOPELESS:
            raise self._hopeless(found, HOPELESS[state])
        pipeline = (raw.get("head_pipeline") or {}).get("status", "")
        if state not in SCHEDULABLE or pipeline in FAILED or raw.get("merge_when_pipeline_succeeds"):
            told = f"{state}, pipeline {pipeline or 'none'}"
            log.info("%s: merge request %s waits: %s", self.settings.project, _number(found), told)
            return
        sent = {"sha": found.pull_request.head, "auto_merge": True, "merge_when_pipeline_succeeds": True}
        try:
            with self._telling(doing):
                self._gitlab.http_put(f"{self._requests}/{_number(found)}/merge", post_data=sent)
        except ForgeRefused as refused:
            if refused.status not in (405, 406, 422):  # a rule that changed meanwhile; the next call sees
                raise
            log.warning("%s: merge request %s is not merged yet: %s", self.settings.project, _number(found), refused)

    def stop_merging(self, found: Found) -> None:
        """Nothing to do: GitLab cancels an auto-merge when the head moves."""

    def close(self, found: Found) -> None:
        self._change(found, f"closing merge request {_number(found)}", state_event="close")

    def comments(self, found: Found) -> list[str]:
        with self._telling(f"reading the comments of merge request {_number(found)}"):
            notes = self._gitlab.http_list(f"{self._requests}/{_number(found)}/notes", iterator=True)
            return [note["body"] for note in notes]

    def comment(self, found: Found, text: str) -> None:
        with self._telling(f"commenting on merge request {_number(found)}"):
            self._gitlab.http_post(f"{self._requests}/{_number(found)}/notes", post_data={"body": text})

    def set_status(self, commit: str, context: str, state: StatusState, description: str, url: str) -> None:
        """GitLab answers 400 when the status is what it was; then it is read and compared."""
        sent = {"state": STATUS_STATES[state], "name": context, "description": description}
        doing = f"setting the status {context} of {commit[:10]}"
        try:
            with self._telling(doing):
                self._gitlab.http_post(
                    f"{self._project}/statuses/{commit}", post_data={**sent, **({"target_url": url} if url else {})}
                )
        except ForgeRefused as refused:
            if refused.status != SAME_STATUS or not self._has_status(doing, commit, context, sent["state"]):
                raise

    def _has_status(self, doing: str, commit: str, context: str, state: str) -> bool:
        with self._telling(doing):
            path = f"{self._project}/repository/commits/{commit}/statuses"
            there = list(self._gitlab.http_list(path, query_data={"name": context}, iterator=True))
            return any(status["name"] == context and status["status"] == state for status in there)

    def _get(self, doing: str, path: str) -> Any:
        with self._telling(doing):
            return self._gitlab.http_get(path)

    def _change(self, found: Found, doing: str, **sent: str) -> Found:
        with self._telling(doing):
            return self._found(self._gitlab.http_put(f"{self._requests}/{_number(found)}", post_data=sent))

    def _hopeless(self, found: Found, how: str) -> ReleaseRefused:
        return ReleaseRefused.because(
            f"merge request {_number(found)} {how} its base {found.raw['target_branch']}",
            found.pull_request.url,
            "close it and start the release again: it plans from the newest base",
        )

    def _found(self, raw: Mapping[str, Any]) -> Found:
        state = STATES[raw["state"]]
        # A fast-forward leaves no commit of its own: then the head itself is on the base.
        merged_as = raw.get("merge_commit_sha") or raw.get("squash_commit_sha") or raw["sha"]
        value = PullRequest(
            number=raw["iid"],
            url=raw["web_url"],
            state=state,
            branch=raw["source_branch"],
            head=raw["sha"],
            merged_as=merged_as if state == "merged" else "",
        )
        return Found(value, raw["title"] or "", raw["description"] or "", raw)

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Turns the library's errors into ours."""
        from gitlab.exceptions import GitlabError, RedirectError
        from requests import RequestException

        try:
            yield
        except _Failed as failed:
            raise self._failures.answered(doing, failed.status, failed.headers, failed.body) from None
        except RequestException as error:
            raise self._failures.unreachable(doing, error) from error
        except RedirectError as error:
            raise self._failures.answered(doing, 301, {}, str(error)) from error
        except (GitlabError, ValidationError, KeyError, TypeError) as error:
            raise self._failures.nonsense(doing) from error


class _Failed(Exception):
    """An answer that is not a success, taken from under the library."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.headers, self.body = status, headers, body


def _raise_failure(response: requests.Response, *_: object, **__: object) -> None:
    if response.status_code >= 300:  # also before a redirect is followed: it would take the token to another host
        raise _Failed(response.status_code, response.headers, response.content)


def _number(found: Found) -> int:
    return found.pull_request.number
