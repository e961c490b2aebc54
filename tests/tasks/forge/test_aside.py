"""Statuses told aside: the newest one is the last to arrive, whatever fails, and nobody waits for it."""

import threading

import pytest

from tasks.errors import RateLimited, ServiceUnavailable
from tasks.forge import aside
from tasks.forge.aside import Newest
from tasks.forge.status import set_status
from tests.contracts import Response
from tests.tasks.forge.conftest import Situation

COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "PAUSES", (0.0, 0.0))


def test_the_newest_wins_and_what_it_overtook_is_left_out(forge: Situation) -> None:
    newest, holding, go = Newest(), threading.Event(), threading.Event()

    def first() -> None:
        holding.set()
        assert go.wait(10)
        set_status(forge.settings, COMMIT, "slipway/release", "pending", "testing")

    newest.hand(first)
    assert holding.wait(10), "it was handed over and nobody waited"
    for n in range(20):
        newest.hand(lambda n=n: set_status(forge.settings, COMMIT, "slipway/release", "pending", f"ring {n}"))
    newest.hand(lambda: set_status(forge.settings, COMMIT, "slipway/release", "success", "10 of 10 customers run it"))
    go.set()
    assert newest.settle(20)
    assert [s["description"] for s in forge.there.statuses] == ["testing", "10 of 10 customers run it"]


def test_trouble_that_passes_is_tried_again_and_other_trouble_is_a_line_in_the_log(
    gitea: Situation, caplog: pytest.LogCaptureFixture
) -> None:
    gitea.there.fail("POST", Response(503, {"message": "down"}), times=2)
    newest = Newest()
    newest.hand(lambda: set_status(gitea.settings, COMMIT, "slipway/release", "pending", "testing"))
    assert newest.settle(20)
    assert [s["description"] for s in gitea.there.statuses] == ["testing"]

    gitea.there.fail("POST", Response(403, {"message": "no right"}), times=9)
    newest.hand(lambda: set_status(gitea.settings, COMMIT, "slipway/release", "pending", "never"))
    assert newest.settle(20)
    assert gitea.asked("POST") == 4, "what is refused is not tried again"
    assert "the commit's status is not told: set status" in caplog.text or "no right" in caplog.text


@pytest.mark.parametrize(
    ("error", "tries"), [(ServiceUnavailable("away"), 3), (RateLimited("slow down"), 1), (ZeroDivisionError(), 1)]
)
def test_how_often_it_is_tried(error: Exception, tries: int) -> None:
    newest, tried = Newest(), []

    def fails() -> None:
        tried.append(1)
        raise error

    newest.hand(fails)
    assert newest.settle(20)
    assert len(tried) == tries


def test_something_newer_ends_the_tries_of_the_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "PAUSES", (3600.0, 3600.0))
    newest, failing, done = Newest(), threading.Event(), []

    def fails() -> None:
        failing.set()
        raise ServiceUnavailable("away")

    newest.hand(fails)
    assert failing.wait(10)
    newest.hand(lambda: done.append("newer"))
    assert newest.settle(20)
    assert done == ["newer"]
