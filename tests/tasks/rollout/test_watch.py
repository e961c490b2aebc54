"""Watching: each customer has its own end and its own last words, and nobody's trouble is another's."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.models import Reason
from tasks.rollout.answers import Busy, check, document
from tasks.rollout.sight import Seen, Sight, Waiting, told
from tasks.rollout.watch import Lane, watch
from tests.tasks.rollout.situations import MINUTES, hurry

GOOD = Seen(versions={"backend": "v"}, words="runs v")


def lane(look: dict[str, list[Sight | Exception]]) -> Lane:
    """A lane whose customers' sights follow each other; the last one stays, an exception is raised for all."""

    def take(customers: Sequence[str]) -> dict[str, Sight]:
        found: dict[str, Sight] = {}
        for customer in customers:
            following = look[customer]
            sight = following.pop(0) if len(following) > 1 else following[0]
            if isinstance(sight, KeyError):
                raise sight
            found[customer] = sight  # type: ignore[assignment]
        return found

    return Lane(customers=list(look), look=take, where=lambda c: f"place of {c}")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def test_each_customer_of_a_lane_ends_by_itself() -> None:
    endings = watch(
        [lane({"a": [Waiting("soon"), GOOD], "b": [ReleaseRefused.because("never")], "c": [Waiting("still not")]})], 0.3
    )
    assert endings["a"] == GOOD
    assert str(endings["b"]) == "b: never" and isinstance(endings["b"], ReleaseRefused)
    assert "still not" in str(endings["c"]) and "place of c" in str(endings["c"])
    assert isinstance(endings["c"], ServiceUnavailable)


def test_a_lane_that_hangs_keeps_no_other_lane_waiting() -> None:
    others_ended = threading.Event()
    waited = []

    def hang(customers: Sequence[str]) -> dict[str, Sight]:
        waited.append(others_ended.wait(30))
        return dict.fromkeys(customers, GOOD)

    def end(customers: Sequence[str]) -> dict[str, Sight]:
        # Its second look is taken although the other lane's first one is not over.
        if seen:
            others_ended.set()
            return dict.fromkeys(customers, GOOD)
        seen.append(True)
        return dict.fromkeys(customers, Waiting("soon"))

    seen: list[bool] = []
    endings = watch([Lane(["a"], hang, str), Lane(["b"], end, str)], MINUTES)
    assert endings == {"a": GOOD, "b": GOOD}
    assert waited == [True]


def test_an_answer_of_an_unknown_form_is_waited_out() -> None:
    assert watch([lane({"a": [KeyError("metadata"), GOOD]})], MINUTES) == {"a": GOOD}  # type: ignore[list-item]


def test_superseded_stays_superseded() -> None:
    ending = watch([lane({"a": [Superseded(Reason(what="by 3f3f"))]})], MINUTES)["a"]
    assert type(ending) is Superseded and str(ending) == "a: by 3f3f"


def test_being_missing_ends_the_wait_only_when_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Waiting("not found", missing=True)
    back = [gone, Waiting("there"), gone, Waiting("there"), GOOD]
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 3600)
    assert watch([lane({"a": list(back)})], MINUTES) == {"a": GOOD}
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 0)
    assert isinstance(watch([lane({"a": [gone]})], MINUTES)["a"], ReleaseRefused)


def test_a_server_s_trouble_does_not_end_the_count_of_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 0.02)
    gone, trouble = Waiting("not found", missing=True), ServiceUnavailable.because("HTTP 500")
    ending = watch([lane({"a": [gone, trouble] * 200})], MINUTES)["a"]
    assert isinstance(ending, ReleaseRefused)


def test_pauses_grow_have_jitter_and_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    resting = Lane(["a"], lambda _: {}, str)
    pauses = []
    for _ in range(40):
        resting.rest(0)
        pauses.append(resting.due - 100)
    assert 0.35 <= pauses[0] <= 0.5 and max(pauses) <= 15 and min(pauses[-20:]) >= 15 * 0.7
    assert len(set(pauses[-20:])) > 10
    resting.rest(77)
    assert resting.due == 177


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_both_forms_of_retry_after_are_obeyed(form: str) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with pytest.raises(Busy) as caught:
        check(429, {"retry-after": "60" if form == "seconds" else moment}, b"", "somewhere", "get it")
    assert 50 < caught.value.seconds <= 60


@pytest.mark.parametrize("value", ["", "soon", "-5", "Tue, 99 Foo"])
def test_a_retry_after_without_sense_is_only_trouble(value: str) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        check(503, {"Retry-After": value}, b"", "somewhere", "get it")
    assert type(caught.value) is ServiceUnavailable


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"<html>", b"\xff\xfe"])
def test_what_is_no_json_object_is_trouble(body: bytes) -> None:
    with pytest.raises(ServiceUnavailable):
        document(body, "somewhere")


def test_a_server_s_words_are_one_line_without_control_characters_and_not_endless() -> None:
    assert told("a\n\x1b[31mb\u202eé🚢") == "a [31mb é🚢"
    assert len(told("x" * 5000)) == 300
