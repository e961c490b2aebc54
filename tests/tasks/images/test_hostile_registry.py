"""A registry that refuses, lies, loses blobs, is full or busy: each is told by its name, with what helps; a busy one is waited for."""

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.containers import engine
from tasks.errors import RateLimited, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.images import registry
from tasks.images.build import build_image
from tasks.images.read_back import what_is_wrong
from tasks.images.registry import digest_of, refused_push
from tasks.images.registry_api import Repository
from tests.hostile_registry import HostileRegistry, Said, hostile_registry

pytestmark = pytest.mark.usefixtures("base_images")
MANIFEST, BLOB = "(GET|HEAD) /v2/.*/manifests/.*", "HEAD /v2/.*/blobs/.*"
PUT = "PUT /v2/.*/manifests/.*"


@pytest.fixture(scope="module")
def proxy(registry_address: str) -> Iterator[HostileRegistry]:
    with hostile_registry(registry_address) as there:
        yield there


@pytest.fixture
def hostile(proxy: HostileRegistry, app: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """An app whose images go through the hostile registry; `build` builds anew each time."""
    image = app.image.replace(proxy.behind, proxy.address)

    def build() -> Any:
        source, change = app.push(main_py=f"print({time.time()})\n", Dockerfile="FROM scratch\nCOPY main.py /\n")
        return build_image(app.configured(image=image), source, change)

    def again() -> Any:
        source, change = app.push(Dockerfile="FROM scratch\nCOPY main.py /\n")
        return build_image(app.configured(image=image), source, change)

    proxy.faults.clear()
    yield SimpleNamespace(build=build, again=again, image=image, set=proxy.set, asked=proxy.asked, faults=proxy.faults)
    proxy.faults.clear()


def says(status: int, code: str = "", **headers: str) -> Callable[[Said], Said]:
    """Always this answer."""
    body = json.dumps({"errors": [{"code": code, "message": "told so"}]}).encode() if code else b"<html>"
    return lambda _: Said(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def first(times: int, fault: Callable[[Said], Said]) -> Callable[[Said], Said]:
    """The fault so many times, then the truth."""
    left = iter(range(times))
    return lambda said: fault(said) if next(left, None) is not None else said


def told(hostile: SimpleNamespace, kind: type[SlipwayError], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        hostile.build()
    assert [part for part in (*parts, "next:") if part not in str(caught.value)] == [], str(caught.value)


def test_what_is_refused_or_full_needs_a_person(hostile: SimpleNamespace) -> None:
    for answer, parts in (
        (says(403, "DENIED"), ("does not take the push: denied", "`docker login 127.0.0.1:")),
        (says(401, "UNAUTHORIZED"), ("does not take the push: unauthorized",)),
        (says(507), ("the registry is full", "507 Insufficient Storage", "make room there")),
        (says(403, "DENIED", Quota="1"), ("denied: told so",)),
    ):
        hostile.set(PUT, answer)
        told(hostile, ReleaseRefused, *parts)


def test_what_may_pass_is_tried_again_by_the_step(hostile: SimpleNamespace) -> None:
    for answer in (says(500, "UNKNOWN"), says(400, "MANIFEST_INVALID")):
        hostile.set(PUT, answer)
        told(hostile, ServiceUnavailable, "the push did not end well", hostile.image)


def test_a_busy_registry_is_waited_for_as_long_as_it_says(hostile: SimpleNamespace) -> None:
    busy = says(429, "TOOMANYREQUESTS", Retry_After="1")
    hostile.set(PUT, first(1, busy))
    hostile.set("GET /v2/.*/manifests/latest", busy)
    start = time.monotonic()
    image = hostile.build()
    assert time.monotonic() - start >= 1
    assert registry.find(image.reference) == image.digest


def test_one_that_stays_busy_is_told_as_such(hostile: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PAUSE_SECONDS", 0.1)
    hostile.set(PUT, says(429, "TOOMANYREQUESTS"))
    told(hostile, RateLimited, "the registry wants fewer requests", "a mirror of your own")
    with Repository(hostile.image) as repository:
        hostile.set(MANIFEST, says(429, Retry_After="17"))
        with pytest.raises(RateLimited) as caught:
            repository.manifest("x")
    assert caught.value.retry_after_seconds == 17


def test_a_digest_is_read_back_before_anything_depends_on_it(hostile: SimpleNamespace) -> None:
    hostile.set("GET /v2/.*/manifests/sha256.*", lambda s: Said(s.status, s.headers, s.body + b" "))
    told(hostile, ServiceUnavailable, "does not have what was pushed: other content stands under sha256:")
    hostile.faults.clear()
    hostile.set("GET /v2/.*/manifests/sha256.*", says(404, "MANIFEST_UNKNOWN"))
    told(hostile, ServiceUnavailable, "the manifest sha256:", "is missing", "it pushes again")


def test_a_lost_blob_is_seen_after_the_push_and_before_reuse(hostile: SimpleNamespace) -> None:
    image = hostile.build()
    assert what_is_wrong(hostile.image, image.digest) == ""
    assert (again := hostile.again()).digest == image.digest and not again.built
    hostile.set(BLOB, first(1, says(404)))
    anew = hostile.again()
    assert anew.built, "what the registry has lost is pushed again"
    assert what_is_wrong(hostile.image, anew.digest) == ""
    hostile.set(BLOB, says(404))
    assert "is missing" in what_is_wrong(hostile.image, anew.digest)
    told(hostile, ServiceUnavailable, "the registry has lost a layer: unknown blob", "see its storage")


def test_a_lost_blob_is_pushed_again_by_a_worker_that_never_had_the_image(hostile: SimpleNamespace) -> None:
    hostile.build()
    for here in engine().images.list(name=hostile.image):
        engine().images.remove(here.id, force=True)
    hostile.set("GET /v2/.*/blobs/.*", says(404))
    anew = hostile.again()
    assert anew.built
    hostile.faults.clear()
    assert what_is_wrong(hostile.image, anew.digest) == ""


def test_a_registry_that_does_not_answer_this_process_is_asked_by_the_engine(hostile: SimpleNamespace) -> None:
    image = hostile.build()
    hostile.set(BLOB, says(403, "DENIED"))
    assert what_is_wrong(hostile.image, image.digest) == ""
    hostile.set("(GET|HEAD) .*", says(503))
    with pytest.raises(ServiceUnavailable, match="the registry did not answer"):
        what_is_wrong(hostile.image, image.digest)


def test_both_kinds_of_engine_tell_the_digest() -> None:
    digest = "sha256:" + "d" * 64
    assert digest_of({"progressDetail": {}, "aux": {"Tag": "t", "Digest": digest, "Size": 524}}) == digest
    assert digest_of({"status": f"tree-1: digest: {digest} size: 498"}) == digest
    assert digest_of({"status": "Pushed", "progressDetail": {}, "id": "20e38c3c2331"}) == ""


@pytest.mark.parametrize(
    ("said", "kind", "word"),
    [
        ("denied: requested access to the resource is denied", ReleaseRefused, "docker login"),
        ("no basic auth credentials", ReleaseRefused, "docker login"),
        ("error parsing HTTP 413 response body: no room", ReleaseRefused, "make room"),
        ("received unexpected HTTP status: 507 Insufficient Storage", ReleaseRefused, "make room"),
        ("unknown: quota exceeded", ReleaseRefused, "make room"),
        ("toomanyrequests: You have reached your pull rate limit", RateLimited, "wait 60 s"),
        (
            "received unexpected HTTP status: 503 Service Unavailable",
            ServiceUnavailable,
            "check that the registry runs",
        ),
        ("dial tcp 10.0.0.1:443: i/o timeout", ServiceUnavailable, "check that the registry runs"),
    ],
)
def test_a_refused_push_is_understood(said: str, kind: type[SlipwayError], word: str) -> None:
    error = refused_push("registry.example.no/shop/api:t", said)
    assert (
        type(error) is kind
        and word in str(error)
        and said.partition(":")[0].split()[0] in str(error) + "toomanyrequests"
    )
