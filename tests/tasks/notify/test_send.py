"""Messages arrive at a real server; what goes wrong is told and raised by nobody, and no token is shown."""

import logging
from collections.abc import Iterator

import pytest

from tasks.config.operate import Notification
from tasks.notify import send
from tasks.notify.message import Message
from tasks.notify.send import send_all
from tests.tasks.notify.receiver import Receiver, receiving

MESSAGE = Message(event="failed", good=False, what="shop: release 1f3a9c0 failed", facts=("why",), url="https://p/run")


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(send, "PAUSE_SECONDS", 0.01)
    with receiving() as there:
        monkeypatch.setenv("CHAT", there.url())
        yield there


def test_a_message_arrives_where_its_event_is_wanted(chat: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tasks")
    places = (Notification(secret_env="CHAT"), Notification(secret_env="NOT_THERE", events=("done",)))
    assert send_all(places, MESSAGE) == {"notify[0], $CHAT": ""}
    (post,) = chat.posts
    assert (post["title"], post["message"], post["type"]) == (MESSAGE.title, "- why\nRun: https://p/run", "warning")
    assert chat.paths == ["/t0ken-of-the-channel-77"]
    assert "notify[0], $CHAT: told: shop: release 1f3a9c0 failed" in caplog.messages
    assert "t0ken-of-the-channel-77" not in caplog.text


def test_a_server_that_stumbles_is_tried_again(chat: Receiver) -> None:
    chat.answers = [500, 503]
    assert send_all((Notification(secret_env="CHAT"),), MESSAGE) == {"notify[0], $CHAT": ""}
    assert len(chat.posts) == 1


def test_what_cannot_be_delivered_is_said_of_each_and_keeps_nobody_else_from_it(
    chat: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WRONG", "nonsense-scheme://t0ken-of-somebody-1234")
    monkeypatch.setenv("DEAD", "json://127.0.0.1:9/t0ken-of-a-dead-server-55")
    names = ("WRONG", "EMPTY", "DEAD", "CHAT")
    told = send_all(tuple(Notification(secret_env=name) for name in names), MESSAGE)
    assert told["notify[0], $WRONG"] == "nonsense-scheme is no address that apprise knows"
    assert told["notify[1], $EMPTY"] == "there is no secret for notifications"
    assert told["notify[2], $DEAD"], "it was not delivered"
    assert told["notify[3], $CHAT"] == "" and len(chat.posts) == 1
    assert "t0ken-of" not in caplog.text + str(told)


def test_a_redirect_does_not_take_the_message_along(chat: Receiver) -> None:
    chat.answers = [307]
    assert send_all((Notification(secret_env="CHAT"),), MESSAGE) == {"notify[0], $CHAT": ""}, "it is tried again"
    assert chat.paths == ["/t0ken-of-the-channel-77"]


def test_a_service_that_never_answers_is_given_up(chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "LIMIT_SECONDS", 0)
    monkeypatch.setattr(send, "_send", lambda *_: __import__("threading").Event().wait())
    assert send_all((Notification(secret_env="CHAT"),), MESSAGE) == {"notify[0], $CHAT": "no answer in 0 s"}
