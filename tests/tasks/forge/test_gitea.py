"""What only Gitea and Forgejo have."""

import pytest

from tasks.errors import ReleaseRefused
from tasks.forge.pull_request import merge_when_ready, open_pull_request, read_pull_request
from tests.contracts import Response
from tests.tasks.forge.conftest import Situation

BRANCH, COMMIT = "slipway/canary-1f3a", "a" * 40


def merged(gitea: Situation) -> str:
    return merge_when_ready(gitea.settings, read_pull_request(gitea.settings, 1)).state


def test_nothing_is_scheduled_since_that_would_merge_any_head(gitea: Situation) -> None:
    there = gitea.there.add(BRANCH, COMMIT, waits_for="checks")
    assert merged(gitea) == "open"
    assert not there.scheduled
    assert gitea.asked("POST") == 0


def test_a_commit_without_any_check_is_merged(gitea: Situation) -> None:
    gitea.there.add(BRANCH, COMMIT)
    gitea.there.checks = False
    assert merged(gitea) == "merged"


def test_a_conflict_is_told(gitea: Situation) -> None:
    gitea.there.add(BRANCH, COMMIT)
    gitea.there.fail("POST", Response(409, {"message": "merge conflict in values.yaml"}))
    with pytest.raises(ReleaseRefused, match=r"merge conflict in values\.yaml"):
        merged(gitea)


def test_the_repositorys_own_way_of_merging_is_used(gitea: Situation) -> None:
    gitea.there.add(BRANCH, COMMIT)
    gitea.there.way = "squash"
    assert merged(gitea) == "merged"
    (sent,) = (r.body for r in gitea.server.requests if r.operation.startswith("POST"))
    assert sent == {"Do": "squash", "head_commit_id": COMMIT}


def test_the_usual_case_asks_little(gitea: Situation) -> None:
    gitea.there.push(BRANCH, COMMIT)
    open_pull_request(gitea.settings, BRANCH, "main", "t", "b")
    assert len(gitea.server.requests) == 4
