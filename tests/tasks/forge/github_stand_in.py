"""GitHub as `api.github.com` answers: its published OpenAPI document and GraphQL schema, and the document's examples."""

import copy
import json
from functools import cache
from typing import Any

import graphql

from tests.contracts import Request, Response, resolve
from tests.published import GITHUB_GRAPHQL, GITHUB_REST, published
from tests.tasks.forge.stand_in import NAME, Pull, StandIn, Stopped, page

REPOSITORY = "/repos/{owner}/{repo}"
PULLS = f"{REPOSITORY}/pulls"
PULL = f"{PULLS}/{{pull_number}}"
COMMENTS = f"{REPOSITORY}/issues/{{issue_number}}/comments"
WAITING = {"checks": "unstable", "review": "blocked", "conflict": "dirty", "base": "behind", "counting": "unknown"}


@cache
def document() -> dict[str, Any]:
    """The REST document, and beside it /graphql, whose bodies the GraphQL schema judges."""
    rest = json.loads(published(GITHUB_REST, "generated/api.github.com.json"))
    body = {
        "type": "object",
        "required": ["query"],
        "properties": {"query": {"type": "string"}, "variables": {"type": "object"}},
    }
    answer = {"content": {"application/json": {"schema": {"type": "object"}}}}
    rest["paths"]["/graphql"] = {
        "post": {
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {"200": answer},
        }
    }
    return rest


@cache
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(published(GITHUB_GRAPHQL, "schema.graphql").decode(), assume_valid=True)


@cache
def example(name: str) -> Any:
    return resolve(document(), {"$ref": f"#/components/examples/{name}"})["value"]


class GitHubStandIn(StandIn):
    """`allow_auto_merge`, `methods`: the repository's settings; `queue`: it has a merge queue."""

    ways = ("merge", "squash", "rebase")

    def __init__(self) -> None:
        super().__init__()
        self.allow_auto_merge, self.queue = True, False
        self.methods = ["merge", "squash", "rebase"]

    def document(self) -> dict[str, Any]:
        return document()

    def credential(self, request: Request) -> str:
        return request.headers.get("Authorization", "").partition(" ")[2]

    def refusal(self, status: int, text: str) -> Response:
        if status != 422:
            return Response(status, {"message": text, "documentation_url": "https://docs.github.com/rest"})
        error = {"resource": "PullRequest", "code": "custom", "message": text}
        return Response(422, {"message": "Validation Failed", "errors": [error], "documentation_url": "d"})

    def routes(self) -> dict[str, Any]:
        return {
            f"GET {REPOSITORY}": lambda r: Response(200, self._repository()),
            f"GET {REPOSITORY}/git/ref/{{ref}}": self._ref,
            f"GET {REPOSITORY}/commits/{{ref}}": self._commit,
            f"POST {REPOSITORY}/statuses/{{sha}}": self._status,
            f"GET {PULLS}": self._list,
            f"POST {PULLS}": self._create,
            f"GET {PULL}": lambda r: Response(200, self._shown(self.pull(r, "pull_number"))),
            f"PATCH {PULL}": self._edit,
            f"PUT {PULL}/merge": self._merge,
            f"GET {COMMENTS}": self._comments,
            f"POST {COMMENTS}": self._comment,
            "POST /graphql": self._graphql,
        }

    def _repository(self, name: str = NAME) -> dict[str, Any]:
        # The published example breaks its own schema in these fields.
        shown = copy.deepcopy(example("full-repository-default-response"))
        for key in ("template_repository", "parent", "source", "organization"):
            shown.pop(key, None)
        allowed = {
            f"allow_{m}": m.split("_")[0] in self.methods for m in ("merge_commit", "squash_merge", "rebase_merge")
        }
        return (
            shown
            | {"language": None, "full_name": name, "url": f"{self.url}/repos/{name}"}
            | allowed
            | {"allow_auto_merge": self.allow_auto_merge}
        )

    def _ref(self, request: Request) -> Response:
        branch = request.path_parameters["ref"].removeprefix("heads/")
        if branch not in self.branches:
            raise Stopped(404, "Not Found")
        shown = copy.deepcopy(example("git-ref"))
        shown["object"]["sha"] = self.branches[branch]
        return Response(200, shown)

    def _list(self, request: Request) -> Response:
        owner, _, branch = request.query["head"][0].partition(":")
        base, state = request.query["base"][0], request.query.get("state", ["open"])[0]
        found = [
            p
            for p in reversed(self.pulls)
            if (p.branch, p.base) == (branch, base) and p.repository.startswith(f"{owner}/")
            if state == "all" or state == ("open" if p.state == "open" else "closed")
        ]
        return Response(200, [self._listed(p) for p in page(found, request, "per_page")])

    def _create(self, request: Request) -> Response:
        sent = request.body
        pull = self.create(sent["head"], sent["base"], sent["title"], sent.get("body", ""), taken=422)
        return Response(201, self._shown(pull))

    def _edit(self, request: Request) -> Response:
        pull = self.pull(request, "pull_number")
        for key in ("title", "body", "state"):
            setattr(pull, key, request.body.get(key, getattr(pull, key)))
        return Response(200, self._shown(pull))

    def _merge(self, request: Request) -> Response:
        pull, how = self.pull(request, "pull_number"), request.body["merge_method"]
        if how not in self.methods or self.queue or pull.waits_for in ("review", "conflict"):
            raise Stopped(405, "Changes must be made through the merge queue" if self.queue else "Not mergeable")
        self.merge(pull, request.body.get("sha"), how)
        return Response(200, {"sha": pull.merged_as, "merged": True, "message": "Pull Request successfully merged"})

    def _comments(self, request: Request) -> Response:
        shown = [self._comment_of(text) for text in self.pull(request, "issue_number").comments]
        return Response(200, page(shown, request, "per_page"))

    def _comment(self, request: Request) -> Response:
        self.pull(request, "issue_number").comments.append(request.body["body"])
        return Response(201, self._comment_of(request.body["body"]))

    def _comment_of(self, text: str) -> dict[str, Any]:
        return example("issue-comment") | {"body": text}

    def _commit(self, request: Request) -> Response:
        sha = request.path_parameters["ref"]
        shown = {k: v for k, v in example("commit").items() if k != "files"}
        return Response(200, shown | {"sha": sha, "url": f"{self.url}/repos/{NAME}/commits/{sha}"})

    def _status(self, request: Request) -> Response:
        self.statuses.append(request.body | {"commit": request.path_parameters["sha"]})
        return Response(201, example("status"))

    def _graphql(self, request: Request) -> Response:
        errors = graphql.validate(schema(), graphql.parse(request.body["query"]))
        assert not errors, errors
        wanted = request.body["variables"]["input"]
        name = "enable" if "enablePullRequestAutoMerge" in request.body["query"] else "disable"
        graphql.coerce_input_value(wanted, schema().type_map[f"{name.title()}PullRequestAutoMergeInput"])
        pull = next(p for p in self.pulls if wanted["pullRequestId"] == f"PR_{p.number}")
        if name == "disable":
            pull.scheduled = False
        elif wanted.get("expectedHeadOid") not in (None, pull.head):
            return self._graphql_error("UNPROCESSABLE", "Head sha didn't match expected head oid.")
        elif not pull.waits_for and not self.queue:
            return self._graphql_error("UNPROCESSABLE", "Pull request is in clean status")
        else:
            pull.scheduled = True
        return Response(200, {"data": {f"{name}PullRequestAutoMerge": {"clientMutationId": None, "actor": None}}})

    def _graphql_error(self, kind: str, text: str) -> Response:
        return Response(
            200, {"data": {"enablePullRequestAutoMerge": None}, "errors": [{"type": kind, "message": text}]}
        )

    def _common(self, pull: Pull, shown: dict[str, Any]) -> dict[str, Any]:
        shown = copy.deepcopy(shown) | {
            "url": f"{self.url}/repos/{NAME}/pulls/{pull.number}",
            "html_url": f"https://github.com/{NAME}/pull/{pull.number}",
            "issue_url": f"{self.url}/repos/{NAME}/issues/{pull.number}",
            "node_id": f"PR_{pull.number}",
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "state": "open" if pull.state == "open" else "closed",
            "merged_at": "2026-11-25T10:00:00Z" if pull.state == "merged" else None,
            # While it is open GitHub shows its own trial merge here.
            "merge_commit_sha": pull.merged_as or "f" * 40,
            "requested_teams": [],
            "auto_merge": self._auto_merge() if pull.scheduled else None,
        }
        shown["head"] |= {"ref": pull.branch, "sha": pull.head}
        shown["base"] |= {"ref": pull.base}
        for side, name in (("head", pull.repository), ("base", NAME)):
            known = {k: v for k, v in shown[side]["repo"].items() if k not in NOT_LISTED}
            shown[side]["repo"] = known | {"full_name": name}
        return shown

    def _auto_merge(self) -> dict[str, Any]:
        user = example("issue-comment")["user"]
        return {"enabled_by": user, "merge_method": "merge", "commit_title": "t", "commit_message": "m"}

    def _listed(self, pull: Pull) -> dict[str, Any]:
        return self._common(pull, example("pull-request-simple-items")[0])

    def _shown(self, pull: Pull) -> dict[str, Any]:
        merged = pull.state == "merged"
        state = WAITING.get(pull.waits_for, "clean") if pull.state == "open" else "unknown"
        return self._common(pull, example("pull-request")) | {"merged": merged, "mergeable_state": state}


NOT_LISTED = ("network_count", "subscribers_count", "template_repository")
