"""One look at each customer: as stated, something else, or nobody there could tell; the version endpoints are real servers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.models import Version
from tasks.rollout.drift import _sighting, look, release_of
from tasks.rollout.sight import Seen, Sight, Waiting
from tests.tasks.rollout.situations import RELEASE, config_of

TIP = "9" * 40


@pytest.fixture
def address() -> Iterator[str]:
    """Customers by path: one answers the release, one another commit, one an error."""
    answers = {"bre": RELEASE.commit, "dal": "0" * 40}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            commit = answers.get(self.path.split("/")[1])
            self.send_response(200 if commit else 503)
            self.end_headers()
            self.wfile.write(json.dumps({"commit": commit}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_each_customer_is_told_by_what_it_answers_and_nobody_is_waited_for(address: str) -> None:
    config = config_of(
        {
            "url": address + "/{customer}",
            "urls": {"gone": "http://127.0.0.1:1"},
            "versions": {"backend": "/version"},
            "timeout": "1h",
        }
    )
    versions = [Version(release=RELEASE.commit, images=RELEASE.images, customers=("bre", "dal", "eid", "gone"))]
    found = {s.customer: (s.seen, s.words) for s in look(config, versions, TIP, lambda *_: lambda _: True)}
    assert {c: seen for c, (seen, _) in found.items()} == {
        "bre": "as stated",
        "dal": "something else",
        "eid": "not seen",
        "gone": "not seen",
    }
    assert "expected c0c0c0c" in found["dal"][1]


def test_what_concerns_all_customers_of_a_version_is_said_of_each_and_hides_no_other_version() -> None:
    config = config_of(
        {
            "verify": "kubernetes",
            "cluster": {"server": "https://127.0.0.1:1", "token_env": "NO_SUCH_TOKEN"},
            "kubernetes": {"workloads": {"backend": {"name": "backend"}}},
        }
    )
    versions = [Version(release=RELEASE.commit, images=RELEASE.images, customers=(c,)) for c in ("bre", "dal")]
    found = look(config, versions, TIP, lambda *_: lambda _: True)
    assert [(s.customer, s.seen) for s in found] == [("bre", "not seen"), ("dal", "not seen")]


@pytest.mark.parametrize(
    ("sight", "seen"),
    [
        (Seen(versions={}, words=""), "as stated"),
        (Waiting("answers another"), "something else"),
        (Waiting("there is no Application", missing=True), "not seen"),
        (Superseded("moved on"), "something else"),
        (ReleaseRefused("the token is not accepted"), "not seen"),
        (ServiceUnavailable("no answer"), "not seen"),
    ],
)
def test_only_what_was_really_seen_is_called_something_else(sight: Sight, seen: str) -> None:
    assert _sighting("bre", sight).seen == seen


def test_a_version_is_the_release_that_put_it_there() -> None:
    version = Version(release=RELEASE.commit, images=RELEASE.images, customers=("bre",), head="0002")
    assert (release_of(version).image("backend"), release_of(version).head) == (RELEASE.images[0], "0002")
