"""A pull request is waited for until it is merged, with the head that was proposed and no other, or a person ends it."""

import pytest

from tasks.config.gitops import PullRequests
from tasks.errors import ReleaseRefused
from tasks.forge import wait
from tasks.forge.pull_request import open_pull_request
from tasks.forge.wait import watched
from tasks.models import PullRequest
from tests.contracts import Request, Response
from tests.tasks.forge.conftest import Situation

OURS, THEIRS = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait.time, "sleep", lambda _: None)


def asked(forge: Situation) -> PullRequest:
    forge.there.push("slipway/shop/all", OURS)
    return open_pull_request(forge.settings, "slipway/shop/all", "main", "title", "body")


def seen(forge: Situation, pull: PullRequest, merge: str, timeout: float = 60) -> list[str]:
    settings = PullRequests(merge=merge, timeout=timeout)
    return [p.state for p in watched(forge.settings, settings, pull, OURS)]


def test_a_merge_by_a_person_ends_the_wait(forge: Situation) -> None:
    pull = asked(forge)
    looks = []

    def merged_at_the_third_look(request: Request) -> None:
        looks.append(request)
        if len(looks) == 6:
            forge.there.merge(forge.there.pulls[0], None, forge.there.ways[0])

    forge.there.before = merged_at_the_third_look
    states = seen(forge, pull, "wait")
    assert states[-1] == "merged"
    assert states.count("open") >= 1


def test_auto_merges_the_head_that_was_proposed(forge: Situation) -> None:
    assert seen(forge, asked(forge), "auto") == ["merged"]
    assert forge.there.pulls[0].head == OURS


def test_auto_merges_nothing_that_somebody_else_pushed(forge: Situation) -> None:
    pull = asked(forge)
    forge.there.push("slipway/shop/all", THEIRS)
    with pytest.raises(ReleaseRefused, match="is not merged after 0 s"):
        seen(forge, pull, "auto", timeout=0)
    assert forge.there.pulls[0].state == "open"
    assert not forge.there.pulls[0].scheduled


def test_a_pull_request_that_a_person_closes_is_a_no(forge: Situation) -> None:
    pull = asked(forge)
    forge.there.pulls[0].state = "closed"
    with pytest.raises(ReleaseRefused, match="was closed without a merge"):
        seen(forge, pull, "wait")


def test_a_forge_that_is_away_for_a_while_is_asked_again(forge: Situation) -> None:
    pull = asked(forge)
    forge.there.fail("GET", Response(503, {"message": "down"}), times=3)
    assert seen(forge, pull, "auto")[-1] == "merged"
