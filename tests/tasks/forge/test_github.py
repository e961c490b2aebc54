"""What only GitHub has: auto-merge, merge queues, several ways to merge."""

import logging

import pytest

from tasks.errors import ReleaseRefused
from tasks.forge.pull_request import merge_when_ready, open_pull_request, read_pull_request
from tests.contracts import Response
from tests.tasks.forge.conftest import Situation
from tests.tasks.forge.stand_in import Pull

BRANCH, COMMIT = "slipway/canary-1f3a", "a" * 40


def merged(github: Situation) -> str:
    return merge_when_ready(github.settings, read_pull_request(github.settings, 1)).state


def waiting(github: Situation, reason: str) -> Pull:
    return github.there.add(BRANCH, COMMIT, waits_for=reason)


def test_auto_merge_is_enabled_once_where_a_review_is_missing(github: Situation) -> None:
    there = waiting(github, "review")
    assert merged(github) == merged(github) == "open"
    assert there.scheduled
    assert github.asked("POST /graphql") == 1
    sent = next(r for r in github.server.requests if r.operation == "POST /graphql")
    assert sent.body["variables"]["input"]["expectedHeadOid"] == COMMIT
    github.there.checks_passed()
    assert merged(github) == "merged"


def test_auto_merge_is_not_asked_for_where_the_repository_has_it_off(github: Situation) -> None:
    there = waiting(github, "review")
    github.there.allow_auto_merge = False
    assert merged(github) == "open"
    assert not there.scheduled
    assert github.asked("POST /graphql") == 0


def test_a_merge_queue_gets_it_by_auto_merge(github: Situation) -> None:
    there = waiting(github, "")
    github.there.queue = True
    assert merged(github) == "open"
    assert there.scheduled
    assert [r.body["sha"] for r in github.server.requests if r.operation.startswith("PUT")] == [COMMIT]


def test_one_that_became_ready_meanwhile_is_left_to_the_next_call(
    github: Situation, caplog: pytest.LogCaptureFixture
) -> None:
    there = waiting(github, "review")
    github.there.before = lambda r: setattr(there, "waits_for", "") if r.operation == "POST /graphql" else None
    assert merged(github) == "open"
    assert "Pull request is in clean status" in caplog.text
    assert merged(github) == "merged"


@pytest.mark.parametrize(
    ("kind", "told"), [("FORBIDDEN", "HTTP 403"), ("NOT_FOUND", "HTTP 404"), ("OTHER", "HTTP 400")]
)
def test_a_no_of_graphql_is_told_as_one_of_rest(github: Situation, kind: str, told: str) -> None:
    waiting(github, "review")
    errors = [{"type": kind, "message": "Resource not accessible by integration"}]
    github.there.fail("POST /graphql", Response(200, {"data": None, "errors": errors}))
    with pytest.raises(ReleaseRefused, match=told):
        merged(github)


@pytest.mark.parametrize(
    ("reason", "told"), [("conflict", "conflicts with its base main"), ("base", "is behind its base")]
)
def test_one_that_can_never_be_merged_as_it_is_is_refused(github: Situation, reason: str, told: str) -> None:
    waiting(github, reason)
    with pytest.raises(ReleaseRefused, match=told):
        merged(github)


@pytest.mark.parametrize(
    ("methods", "used"),
    [(["merge", "squash", "rebase"], "merge"), (["squash", "rebase"], "rebase"), (["squash"], "squash")],
)
def test_our_commit_is_kept_where_the_repository_allows_it(github: Situation, methods: list[str], used: str) -> None:
    waiting(github, "")
    github.there.methods = methods
    assert merged(github) == "merged"
    assert [r.body["merge_method"] for r in github.server.requests if r.operation.startswith("PUT")] == [used]


def test_an_open_ones_trial_merge_is_not_taken_for_a_merge(github: Situation) -> None:
    waiting(github, "")
    assert read_pull_request(github.settings, 1).merged_as == ""


def test_checks_that_are_not_required_hold_it_too(github: Situation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    waiting(github, "checks")
    assert merged(github) == "open"
    assert "waits, it is unstable" in caplog.text
    assert github.asked("PUT") + github.asked("POST") == 0


def test_a_fork_of_the_same_owner_is_a_strangers_too(github: Situation) -> None:
    github.there.add(BRANCH, "b" * 40, repository="acme/gitops-fork")
    github.there.push(BRANCH, COMMIT)
    assert open_pull_request(github.settings, BRANCH, "main", "t", "b").number == 2
