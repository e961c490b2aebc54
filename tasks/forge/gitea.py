"""Gitea and Forgejo, by their REST API, version 1.

By httpx: no client library of theirs for Python is kept well enough (DECISIONS.md).
"""

import contextlib
import logging
import ssl
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Self
from urllib.parse import quote

from pydantic import ValidationError

from tasks.config.forge import Forge
from tasks.forge.client import TIMEOUT_SECONDS, Found
from tasks.forge.failures import Failures, ForgeRefused
from tasks.models import PullRequest, StatusState

log = logging.getLogger(__name__)
PAGE = 50
PAGES = 40
PASSED = ("success", "warning")
NOT_YET = 405
"""Checks, reviews or other rules are not fulfilled, or Gitea has not compared the branches yet."""


class Gitea:
    """A `client.Client`."""

    def __init__(self, settings: Forge, token: str) -> None:
        import httpx

        self.settings, self._failures = settings, Failures(settings, token)
        base = str(settings.url).rstrip("/").removesuffix("/api/v1")
        self._http = httpx.Client(
            base_url=f"{base}/api/v1",
            headers={"Authorization": f"token {token}", "User-Agent": "slipway", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            verify=ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else _common_trust(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def head_of(self, branch: str) -> str | None:
        doing = f"reading the branch {branch}"
        there = self._get_or_none(doing, f"/branches/{quote(branch, safe='')}")
        with self._telling(doing):
            return there["commit"]["id"] if there else None

    def find(self, branch: str, base: str, head: str | None) -> list[Found]:
        """Open ones from the list. Whether there ever was another is asked by its branches, which names one only: when
        it is of another head, the list of ended ones is gone through, newest first.
        """
        doing = f"looking for the pull request of {branch}"
        if opened := self._listed(doing, branch, base, "open", None):
            return opened
        path = f"/pulls/{quote(base, safe='')}/{quote(branch, safe='')}"
        raw = self._get_or_none(doing, path)
        if raw is None:
            return []
        with self._telling(doing):
            found = self._found(raw)
        if found.pull_request.state != "open" and head in (None, found.pull_request.head):
            return [found]
        return self._listed(doing, branch, base, "closed", head)

    def create(self, branch: str, base: str, title: str, body: str) -> Found:
        sent = {"head": branch, "base": base, "title": title, "body": body}
        return self._one(f"opening a pull request from {branch}", "POST", "/pulls", sent)

    def edit(self, found: Found, title: str, body: str) -> Found:
        doing = f"changing the text of pull request {_number(found)}"
        return self._one(doing, "PATCH", f"/pulls/{_number(found)}", {"title": title, "body": body})

    def read(self, number: int) -> Found:
        return self._one(f"reading pull request {number}", "GET", f"/pulls/{number}")

    def merge(self, found: Found) -> None:
        """Merges now when no check is open or failed and the rules allow it, else leaves it for the next call.

        Gitea's own merge_when_checks_succeed is not used: once scheduled it is bound to no head, and would merge what
        somebody pushes meanwhile. Source: Gitea 1.25, services/automerge/automerge.go, handlePullRequestAutoMerge.
        """
        doing, head = f"merging pull request {_number(found)}", found.pull_request.head
        checks = self._request(doing, "GET", f"/commits/{head}/status")
        with self._telling(doing):
            waits = checks["state"] if checks["total_count"] and checks["state"] not in PASSED else ""
        if waits:
            log.info("%s: pull request %s waits, its checks are: %s", self.settings.project, _number(found), waits)
            return
        style = self._request(doing, "GET", "").get("default_merge_style") or "merge"
        try:
            self._request(doing, "POST", f"/pulls/{_number(found)}/merge", {"Do": style, "head_commit_id": head})
        except ForgeRefused as refused:
            if refused.status != NOT_YET:
                raise
            log.warning("%s: pull request %s is not merged yet: %s", self.settings.project, _number(found), refused)

    def stop_merging(self, found: Found) -> None:
        """Nothing to do: `merge` schedules nothing."""

    def close(self, found: Found) -> None:
        self._request(
            f"closing pull request {_number(found)}", "PATCH", f"/pulls/{_number(found)}", {"state": "closed"}
        )

    def comments(self, found: Found) -> list[str]:
        doing = f"reading the comments of pull request {_number(found)}"
        there = self._request(doing, "GET", f"/issues/{_number(found)}/comments")
        with self._telling(doing):
            return [comment["body"] for comment in there]

    def comment(self, found: Found, text: str) -> None:
        doing = f"commenting on pull request {_number(found)}"
        self._request(doing, "POST", f"/issues/{_number(found)}/comments", {"body": text})

    def set_status(self, commit: str, context: str, state: StatusState, description: str, url: str) -> None:
        sent = {"state": state, "context": context, "description": description, "target_url": url}
        self._request(f"setting the status {context} of {commit[:10]}", "POST", f"/statuses/{commit}", sent)

    def _listed(self, doing: str, branch: str, base: str, state: str, head: str | None) -> list[Found]:
        """The first from branch into base. Servers that do not know `base_branch` list all, so it is looked at here."""
        for page in range(1, PAGES + 1):
            query = {"state": state, "base_branch": base, "sort": "recentupdate", "page": page, "limit": PAGE}
            raws = self._request(doing, "GET", "/pulls", query=query)
            with self._telling(doing):
                ours = [raw for raw in raws if (raw["head"]["ref"], raw["base"]["ref"]) == (branch, base)]
                found = [self._found(raw) for raw in ours if self._is_ours(raw)]
            if matching := [f for f in found if head in (None, f.pull_request.head)]:
                return matching
            if not raws:
                break
        return []

    def _get_or_none(self, doing: str, path: str) -> Any:
        try:
            return self._request(doing, "GET", path)
        except ForgeRefused as refused:
            if refused.status == 404:
                return None
            raise

    def _one(self, doing: str, method: str, path: str, sent: Mapping[str, Any] | None = None) -> Found:
        raw = self._request(doing, method, path, sent)
        with self._telling(doing):
            return self._found(raw)

    def _request(
        self,
        doing: str,
        method: str,
        path: str,
        sent: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """One request below the repository; the answer's JSON, None for an empty one."""
        with self._telling(doing):
            answer = self._http.request(method, f"/repos/{self.settings.project}{path}", json=sent, params=query)
            if not answer.is_success:
                raise self._failures.answered(doing, answer.status_code, answer.headers, answer.content)
            return answer.json() if answer.content else None

    def _is_ours(self, raw: Mapping[str, Any]) -> bool:
        """Whether its branch is in the repository itself; the branch of a deleted fork is nowhere."""
        return raw["head"]["repo_id"] == raw["base"]["repo_id"]

    def _found(self, raw: Mapping[str, Any]) -> Found:
        state = "merged" if raw["merged"] else raw["state"]
        value = PullRequest(
            number=raw["number"],
            url=raw["html_url"],
            state=state,
            branch=raw["head"]["ref"],
            head=raw["head"]["sha"],
            merged_as=raw["merge_commit_sha"] if state == "merged" else "",
        )
        return Found(value, raw["title"] or "", raw["body"] or "", raw)

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Turns the library's errors into ours."""
        import httpx

        try:
            yield
        except httpx.RequestError as error:
            raise self._failures.unreachable(doing, error) from error
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise self._failures.nonsense(doing) from error


@cache
def _common_trust() -> ssl.SSLContext:
    """Read once: it holds every authority that the machine knows."""
    return ssl.create_default_context()


def _number(found: Found) -> int:
    return found.pull_request.number
