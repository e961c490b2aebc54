"""Gitea and Forgejo as their published document has it (tests/contracts/gitea.yaml)."""

from pathlib import Path
from typing import Any

import yaml

from tests.contracts import Request, Response
from tests.tasks.forge.stand_in import NAME, Pull, StandIn, Stopped, page

DOCUMENT = Path(__file__).parents[2] / "contracts" / "gitea.yaml"
REPOSITORY = "/repos/{owner}/{repo}"
PULLS = f"{REPOSITORY}/pulls"
PULL = f"{PULLS}/{{index}}"
COMMENTS = f"{REPOSITORY}/issues/{{index}}/comments"
CHECKS = {"checks": "pending", "failed": "failure"}


class GiteaStandIn(StandIn):
    """`way`: the repository's default merge style. As Forgejo and older ones do, it does not know `base_branch`."""

    ways = ("merge", "squash", "rebase")

    def __init__(self) -> None:
        super().__init__()
        self.way = "merge"
        self.checks = True

    def document(self) -> dict[str, Any]:
        return yaml.safe_load(DOCUMENT.read_text())

    def credential(self, request: Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("token ")

    def routes(self) -> dict[str, Any]:
        return {
            f"GET {REPOSITORY}": lambda _: Response(200, {"full_name": NAME, "default_merge_style": self.way}),
            f"GET {REPOSITORY}/branches/{{branch}}": self._branch,
            f"GET {REPOSITORY}/commits/{{ref}}/status": self._combined,
            f"POST {REPOSITORY}/statuses/{{sha}}": self._status,
            f"GET {PULLS}": self._list,
            f"POST {PULLS}": self._create,
            f"GET {PULLS}/{{base}}/{{head}}": self._of_branches,
            f"GET {PULL}": lambda r: Response(200, self._shown(self.pull(r, "index"))),
            f"PATCH {PULL}": self._edit,
            f"POST {PULL}/merge": self._merge,
            f"GET {COMMENTS}": self._comments,
            f"POST {COMMENTS}": self._comment,
        }

    def _branch(self, request: Request) -> Response:
        name = request.path_parameters["branch"]
        if name not in self.branches:
            raise Stopped(404, "The target couldn't be found.")
        return Response(200, {"name": name, "commit": {"id": self.branches[name]}})

    def _list(self, request: Request) -> Response:
        state = request.query.get("state", ["open"])[0]
        found = [p for p in reversed(self.pulls) if state == "all" or (state == "open") == (p.state == "open")]
        return Response(200, [self._shown(p) for p in page(found, request, "limit")])

    def _of_branches(self, request: Request) -> Response:
        wanted = (request.path_parameters["base"], request.path_parameters["head"], NAME)
        found = next((p for p in self.pulls if (p.base, p.branch, p.repository) == wanted), None)
        if found is None:
            raise Stopped(404, "The target couldn't be found.")
        return Response(200, self._shown(found))

    def _create(self, request: Request) -> Response:
        sent = request.body
        return Response(
            201, self._shown(self.create(sent["head"], sent["base"], sent["title"], sent["body"], taken=409))
        )

    def _edit(self, request: Request) -> Response:
        pull = self.pull(request, "index")
        for key in ("title", "body", "state"):
            setattr(pull, key, request.body.get(key, getattr(pull, key)))
        return Response(201, self._shown(pull))

    def _merge(self, request: Request) -> Response:
        pull, sent = self.pull(request, "index"), request.body
        if sent.get("merge_when_checks_succeed"):
            pull.scheduled = True
            return Response(200)
        if pull.waits_for in ("review", "conflict", "counting"):  # no rule asks for the checks
            raise Stopped(405, "Please try again later")
        self.merge(pull, sent.get("head_commit_id"), sent["Do"])
        return Response(200)

    def _comments(self, request: Request) -> Response:
        comments = self.pull(request, "index").comments
        return Response(200, [{"id": n, "body": text} for n, text in enumerate(comments, 1)])

    def _comment(self, request: Request) -> Response:
        self.pull(request, "index").comments.append(request.body["body"])
        return Response(201, {"id": 1, "body": request.body["body"]})

    def _combined(self, request: Request) -> Response:
        commit = request.path_parameters["ref"]
        waits = next((p.waits_for for p in self.pulls if p.head == commit), "")
        state = CHECKS.get(waits, "success") if self.checks else "pending"
        return Response(200, {"sha": commit, "state": state, "total_count": int(self.checks)})

    def _status(self, request: Request) -> Response:
        self.statuses.append(request.body | {"commit": request.path_parameters["sha"]})
        return Response(201, {"context": request.body["context"], "status": request.body["state"]})

    def _shown(self, pull: Pull) -> dict[str, Any]:
        ours = 1 if pull.repository == NAME else 2
        return {
            "number": pull.number,
            "html_url": f"https://gitea.example.com/{NAME}/pulls/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "merged": pull.state == "merged",
            "mergeable": pull.waits_for not in ("conflict", "counting"),
            "merge_commit_sha": pull.merged_as or None,
            "title": pull.title,
            "body": pull.body,
            "head": {"label": pull.branch, "ref": pull.branch, "sha": pull.head, "repo_id": ours},
            "base": {"label": pull.base, "ref": pull.base, "sha": self.branches[pull.base], "repo_id": 1},
        }
