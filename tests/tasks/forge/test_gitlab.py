"""What only GitLab has."""

import pytest

from tasks.errors import ReleaseRefused
from tasks.forge.pull_request import merge_when_ready, open_pull_request, read_pull_request
from tests.contracts import Response
from tests.tasks.forge.conftest import Situation

BRANCH, COMMIT = "slipway/canary-1f3a", "a" * 40


def merged(gitlab: Situation) -> str:
    return merge_when_ready(gitlab.settings, read_pull_request(gitlab.settings, 1)).state


def test_auto_merge_is_set_once_while_the_pipeline_runs_under_its_old_and_new_name(gitlab: Situation) -> None:
    there = gitlab.there.add(BRANCH, COMMIT, waits_for="checks")
    assert merged(gitlab) == merged(gitlab) == "open"
    assert there.scheduled
    (sent,) = (r.body for r in gitlab.server.requests if r.operation.startswith("PUT"))
    assert sent == {"sha": COMMIT, "auto_merge": True, "merge_when_pipeline_succeeds": True}
    gitlab.there.checks_passed()
    assert merged(gitlab) == "merged"


@pytest.mark.parametrize(
    ("reason", "told"), [("conflict", "conflicts with its base main"), ("base", "is behind its base")]
)
def test_one_that_can_never_be_merged_as_it_is_is_refused(gitlab: Situation, reason: str, told: str) -> None:
    gitlab.there.add(BRANCH, COMMIT, waits_for=reason)
    with pytest.raises(ReleaseRefused, match=told):
        merged(gitlab)


@pytest.mark.parametrize("status", [405, 406, 422])
def test_a_rule_that_came_between_leaves_it_to_the_next_call(
    gitlab: Situation, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    gitlab.there.add(BRANCH, COMMIT)
    gitlab.there.fail("PUT", Response(status, {"message": "405 Method Not Allowed"}))
    assert merged(gitlab) == "open"
    assert "405 Method Not Allowed" in caplog.text
    assert merged(gitlab) == "merged"


@pytest.mark.parametrize("project", ["42", "group/sub.group/app-1"])
def test_a_project_may_be_a_number_or_lie_deep(gitlab: Situation, project: str) -> None:
    gitlab.there.push(BRANCH, COMMIT)
    gitlab.settings = gitlab.settings.model_copy(update={"project": project})
    open_pull_request(gitlab.settings, BRANCH, "main", "t", "b")
    assert {r.path_parameters["id"] for r in gitlab.server.requests} == {project}


def test_next_pages_are_asked_of_the_configured_address(gitlab: Situation) -> None:
    for commit in "bcdef":
        gitlab.there.add(BRANCH, commit * 40, state="closed")
    gitlab.there.pulls[0].head = COMMIT
    gitlab.there.branches[BRANCH] = COMMIT
    assert open_pull_request(gitlab.settings, BRANCH, "main", "t", "b").number == 1
    assert gitlab.asked("GET /projects/{id}/merge_requests") == 3
