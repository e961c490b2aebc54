"""GitLab as its documentation describes it (tests/contracts/gitlab.yaml)."""

from pathlib import Path
from typing import Any

import yaml

from tests.contracts import Request, Response
from tests.tasks.forge.stand_in import NAME, Pull, StandIn, Stopped, page

DOCUMENT = Path(__file__).parents[2] / "contracts" / "gitlab.yaml"
PROJECT = "/projects/{id}"
REQUESTS = f"{PROJECT}/merge_requests"
ONE = f"{REQUESTS}/{{merge_request_iid}}"
STATUSES = f"{PROJECT}/repository/commits/{{sha}}/statuses"
STATES = {"open": "opened", "closed": "closed", "merged": "merged"}
WAITING = {
    "checks": ("ci_still_running", "running"),
    "review": ("not_approved", "success"),
    "conflict": ("conflict", "success"),
    "base": ("need_rebase", "success"),
    "counting": ("checking", "success"),
    "failed": ("mergeable", "failed"),
}


class GitLabStandIn(StandIn):
    """`way`: how the project merges. Pages are small, and name the server by an address that is not the configured one."""

    ways = ("merge", "squash", "fast-forward")
    page_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.way = "merge"

    def document(self) -> dict[str, Any]:
        return yaml.safe_load(DOCUMENT.read_text())

    def push(self, branch: str, commit: str) -> None:
        super().push(branch, commit)
        for pull in self.pulls:
            pull.scheduled = pull.scheduled and pull.branch != branch  # GitLab takes an auto-merge back then

    def credential(self, request: Request) -> str:
        return request.headers.get("PRIVATE-TOKEN", "")

    def routes(self) -> dict[str, Any]:
        return {
            f"GET {PROJECT}/repository/branches/{{branch}}": self._branch,
            f"GET {REQUESTS}": self._list,
            f"POST {REQUESTS}": self._create,
            f"GET {ONE}": lambda r: Response(200, self._shown(self.pull(r, "merge_request_iid"))),
            f"PUT {ONE}": self._edit,
            f"PUT {ONE}/merge": self._merge,
            f"GET {ONE}/notes": self._notes,
            f"POST {ONE}/notes": self._note,
            f"POST {PROJECT}/statuses/{{sha}}": self._status,
            f"GET {STATUSES}": self._statuses,
        }

    def _branch(self, request: Request) -> Response:
        name = request.path_parameters["branch"]
        if name not in self.branches:
            raise Stopped(404, "404 Branch Not Found")
        return Response(200, {"name": name, "commit": {"id": self.branches[name]}})

    def _list(self, request: Request) -> Response:
        wanted = (request.query["source_branch"][0], request.query["target_branch"][0])
        return self._paged([self._basic(p) for p in reversed(self.pulls) if (p.branch, p.base) == wanted], request)

    def _paged(self, shown: list[Any], request: Request) -> Response:
        number = int(request.query.get("page", ["1"])[0])
        request.query.setdefault("per_page", [str(self.page_size)])
        items = page(shown, request, "per_page")
        query = "&".join(f"{k}={v[0]}" for k, v in request.query.items() if k != "page")
        link = f'<https://inside.example.com/api/v4{request.path}?{query}&page={number + 1}>; rel="next"'
        return Response(200, items, {"Link": link} if number * self.page_size < len(shown) else {})

    def _create(self, request: Request) -> Response:
        sent = request.body
        pull = self.create(
            sent["source_branch"], sent["target_branch"], sent["title"], sent.get("description", ""), taken=409
        )
        return Response(201, self._shown(pull))

    def _edit(self, request: Request) -> Response:
        pull, sent = self.pull(request, "merge_request_iid"), request.body
        pull.title, pull.body = sent.get("title", pull.title), sent.get("description", pull.body)
        pull.state = {"close": "closed"}.get(sent.get("state_event"), pull.state)
        return Response(200, self._shown(pull))

    def _merge(self, request: Request) -> Response:
        pull, sent = self.pull(request, "merge_request_iid"), request.body
        if pull.waits_for in ("review", "conflict", "base", "counting"):
            raise Stopped(405, "405 Method Not Allowed")
        if sent.get("sha") != pull.head:
            raise Stopped(409, f"SHA does not match HEAD of source branch: {pull.head}")
        if pull.waits_for == "checks" and (sent.get("auto_merge") or sent.get("merge_when_pipeline_succeeds")):
            pull.scheduled = True
        else:
            self.merge(pull, sent["sha"], self.way)
        return Response(200, self._shown(pull))

    def _notes(self, request: Request) -> Response:
        comments = self.pull(request, "merge_request_iid").comments
        return self._paged([{"id": n, "body": text} for n, text in enumerate(comments, 1)], request)

    def _note(self, request: Request) -> Response:
        self.pull(request, "merge_request_iid").comments.append(request.body["body"])
        return Response(201, {"id": 1, "body": request.body["body"]})

    def _status(self, request: Request) -> Response:
        sent = request.body | {"commit": request.path_parameters["sha"]}
        before = [s for s in self.statuses if (s["commit"], s["name"]) == (sent["commit"], sent["name"])]
        if before and before[-1]["state"] == sent["state"]:
            raise Stopped(400, f"Cannot transition status via :enqueue from :{sent['state']}")
        self.statuses.append(sent)
        return Response(201, self._status_shown(sent))

    def _statuses(self, request: Request) -> Response:
        wanted = (request.path_parameters["sha"], request.query["name"][0])
        newest = {(s["commit"], s["name"]): s for s in self.statuses}.get(wanted)
        return Response(200, [self._status_shown(newest)] if newest else [])

    def _status_shown(self, status: dict[str, Any]) -> dict[str, Any]:
        return {"sha": status["commit"], "status": status["state"], "name": status["name"]}

    def _basic(self, pull: Pull) -> dict[str, Any]:
        how = self.way if pull.state == "merged" else ""
        return {
            "iid": pull.number,
            "web_url": f"https://gitlab.example.com/{NAME}/-/merge_requests/{pull.number}",
            "state": STATES[pull.state],
            "title": pull.title,
            "description": pull.body or None,
            "source_branch": pull.branch,
            "target_branch": pull.base,
            "source_project_id": 1 if pull.repository == NAME else 2,
            "target_project_id": 1,
            "sha": pull.head,
            "merge_commit_sha": pull.merged_as if how == "merge" else None,
            "squash_commit_sha": pull.merged_as if how == "squash" else None,
            "merge_when_pipeline_succeeds": pull.scheduled,
            "detailed_merge_status": self._waiting(pull)[0],
        }

    def _shown(self, pull: Pull) -> dict[str, Any]:
        return self._basic(pull) | {"head_pipeline": {"id": 1, "status": self._waiting(pull)[1]}}

    def _waiting(self, pull: Pull) -> tuple[str, str]:
        return (
            WAITING.get(pull.waits_for, ("mergeable", "success")) if pull.state == "open" else ("not_open", "success")
        )
