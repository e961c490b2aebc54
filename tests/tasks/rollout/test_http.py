"""A customer is verified when every component answers the commit of its image, and not before."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.config.model import Config
from tasks.errors import ServiceUnavailable
from tasks.models import Image, Release
from tasks.rollout.http import verify_customer

OLD, NEW = "1" * 40, "2" * 40


class Environment:
    """A customer's environment: a real HTTP server whose answer a test changes."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = json.dumps({"commit": OLD}), 200, threading.Event()
        self.encoding = "identity"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.send_header("Content-Encoding", outer.encoding)
                self.end_headers()
                self.wfile.write(outer.body.encode())
                outer.asked.set()

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def environment() -> Iterator[Environment]:
    environment = Environment()
    yield environment
    environment.server.shutdown()


def config_for(url: str, timeout: float = 0) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": "/x"},
            "components": {"api": {"path": "api", "image": "registry.example.no/shop/api", "run": {"port": 80}}},
            "gitops": {"repository": "/x", "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"urls": {"bre": url}, "versions": {"api": "/version"}, "timeout": timeout},
        }
    )


RELEASE = Release(
    commit=NEW,
    subject="s",
    head=None,
    images=(
        Image(
            component="api",
            repository="registry.example.no/shop/api",
            digest="sha256:" + "a" * 64,
            revision=NEW,
            tree=NEW,
            built=True,
            seconds=0,
        ),
    ),
)


def test_the_old_version_is_not_good_enough(environment: Environment) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        verify_customer(config_for(environment.url), RELEASE, "bre")
    assert f"api answers {OLD}, expected {NEW[:7]}" in str(caught.value)
    assert environment.url in str(caught.value)


def test_it_waits_until_the_new_version_answers(environment: Environment) -> None:
    def roll_out() -> None:
        environment.asked.wait(10)
        environment.body = json.dumps({"commit": NEW})

    threading.Thread(target=roll_out, daemon=True).start()
    assert verify_customer(config_for(environment.url, 20), RELEASE, "bre") == {"api": NEW}


@pytest.mark.parametrize(
    ("status", "body"), [(500, "{}"), (200, "[]"), (200, "<html>"), (200, "{}"), (200, '{"commit": 5}')]
)
def test_answers_that_say_nothing_are_not_passed(environment: Environment, status: int, body: str) -> None:
    environment.status, environment.body = status, body
    with pytest.raises(ServiceUnavailable):
        verify_customer(config_for(environment.url), RELEASE, "bre")


def test_an_answer_that_cannot_be_decoded_or_is_too_deep_is_none(environment: Environment) -> None:
    environment.encoding = "gzip"
    with pytest.raises(ServiceUnavailable, match="no answer"):
        verify_customer(config_for(environment.url), RELEASE, "bre")
    environment.encoding, environment.body = "identity", "[" * 100_000
    with pytest.raises(ServiceUnavailable, match="not a JSON object"):
        verify_customer(config_for(environment.url), RELEASE, "bre")


def test_nobody_there_is_told_in_words() -> None:
    with pytest.raises(ServiceUnavailable, match="no answer"):
        verify_customer(config_for("http://127.0.0.1:1"), RELEASE, "bre")
