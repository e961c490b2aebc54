"""What the forge tells of the token is told on; each request is one of the published documents."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deployments.doctor import forge
from deployments.doctor.finding import Finding
from tasks.config.model import Config
from tests.contracts import ContractServer, Request, Response
from tests.deployments.doctor.settings import settings
from tests.tasks.forge.gitea_stand_in import DOCUMENT as GITEA
from tests.tasks.forge.github_stand_in import document as github_document
from tests.tasks.forge.github_stand_in import example
from tests.tasks.forge.gitlab_stand_in import DOCUMENT as GITLAB

TOKEN = "t0ken-of-the-forge"
SOON = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)).date().isoformat()
COMMIT = {"id": "0" * 40}
Answers = dict[str, Callable[[Request], Response]]


def look(
    monkeypatch: pytest.MonkeyPatch, kind: str, document: dict[str, Any], answers: dict[str, Any]
) -> list[Finding]:
    """The findings for a forge that answers so, by the routes of its document."""
    monkeypatch.setenv("FORGE_TOKEN", TOKEN)

    def answer(request: Request) -> Response:
        found = answers.get(request.operation.removeprefix("GET "))
        return found if isinstance(found, Response) else Response(200, found)

    with ContractServer(document, answer) as server:
        place = {"kind": kind, "url": server.url, "project": "acme/gitops", "token_env": "FORGE_TOKEN"}
        found = list(forge.look(Config.model_validate(settings(gitops_forge=place))))
        assert all(TOKEN not in f.told + f.next_step for f in found)
        assert server.requests
    return found


def states(found: list[Finding]) -> dict[str, str]:
    return {f.told: f.state for f in found}


def told(found: list[Finding], words: str) -> Finding:
    return next(f for f in found if words in f.told)


def gitlab(level: int, scopes: list[str], ends: str | None, can_push: bool) -> dict[str, Any]:
    return {
        "/projects/{id}": {"id": 1, "permissions": {"project_access": {"access_level": level}, "group_access": None}},
        "/personal_access_tokens/self": {"id": 1, "scopes": scopes, "active": True, "expires_at": ends},
        "/projects/{id}/repository/branches/{branch}": {
            "name": "main",
            "commit": COMMIT,
            "protected": True,
            "can_push": can_push,
        },
    }


def test_a_gitlab_token_that_may_all_is_all_right(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(monkeypatch, "gitlab", yaml.safe_load(GITLAB.read_text()), gitlab(40, ["api"], None, True))
    assert {f.state for f in found} == {"ok"}


def test_what_a_gitlab_token_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(monkeypatch, "gitlab", yaml.safe_load(GITLAB.read_text()), gitlab(20, ["read_api"], SOON, False))
    assert told(found, "only read").state == "wrong"
    assert told(found, "read_api").state == "wrong"
    assert told(found, "protected from this token").state == "wrong"
    assert told(found, SOON).state == "warning"


@pytest.mark.parametrize(("may", "state"), [(True, "ok"), (False, "wrong")])
def test_gitea_tells_whether_the_user_may_push(monkeypatch: pytest.MonkeyPatch, may: bool, state: str) -> None:
    answers = {
        "/repos/{owner}/{repo}": {
            "full_name": "acme/gitops",
            "default_merge_style": "merge",
            "permissions": {"admin": False, "push": may, "pull": True},
        },
        "/repos/{owner}/{repo}/branches/{branch}": {
            "name": "main",
            "commit": COMMIT,
            "protected": not may,
            "user_can_push": may,
        },
    }
    found = look(monkeypatch, "gitea", yaml.safe_load(GITEA.read_text()), answers)
    assert told(found, "the token's user").state == state
    assert told(found, "main ").state == state


@pytest.mark.parametrize(
    ("may", "protected", "states"), [(True, False, ["ok", "ok"]), (False, True, ["wrong", "warning"])]
)
def test_github_tells_the_users_right_and_that_there_are_rules(
    monkeypatch: pytest.MonkeyPatch, may: bool, protected: bool, states: list[str]
) -> None:
    # The published example breaks its own schema in these fields.
    left_out = ("template_repository", "parent", "source", "organization")
    repository = {k: v for k, v in example("full-repository-default-response").items() if k not in left_out}
    repository |= {"language": None, "permissions": {"admin": False, "push": may, "pull": True}}
    branch = {**example("branch-get"), "protected": protected}
    answers = {"/repos/{owner}/{repo}": repository, "/repos/{owner}/{repo}/branches/{branch}": branch}
    found = look(monkeypatch, "github", github_document(), answers)
    assert [f.state for f in found if "clock" not in f.told] == states


def test_a_token_that_is_not_taken_is_told_with_the_rights_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/projects/{id}": Response(404, {"message": "404 Project Not Found"})}
    found = look(monkeypatch, "gitlab", yaml.safe_load(GITLAB.read_text()), answers)
    refused = told(found, "is not taken")
    assert refused.state == "wrong"
    assert "api" in refused.next_step
