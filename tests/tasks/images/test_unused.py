"""Images that nobody uses, on a real registry: listed, deleted when the configuration says so, and never what is needed."""

import datetime
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.images.registry_api import INDEXES, MANIFESTS, Repository
from tasks.images.unused import ImagesNotKnown, unused_images
from tasks.models import UnusedImage
from tests.tasks.gitops.conftest_gitops import config_for


def tree(number: int) -> str:
    return f"tree-{number:040x}"


class Pushed:
    """A repository of the real registry, written by its API."""

    def __init__(self, name: str) -> None:
        self.name = name
        host, _, path = name.partition("/")
        self.url = f"http://{host}/v2/{path}"

    def image(self, content: str, *tags: str) -> str:
        """An image; its digest."""
        blobs = [self._blob(json.dumps({"n": content}).encode()), self._blob(content.encode())]
        body = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": blobs[0], "layers": blobs[1:]}
        return self._put(body, MANIFESTS[0], tags)

    def index(self, children: list[str], *tags: str) -> str:
        """An image for several platforms; its digest."""
        entries = [
            {"mediaType": MANIFESTS[0], "digest": d, "size": 1, "platform": {"os": "linux", "architecture": a}}
            for d, a in zip(children, ("amd64", "arm64"), strict=False)
        ]
        return self._put({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": entries}, INDEXES[0], tags)

    def there(self) -> set[str]:
        with Repository(self.name) as repository:
            return set(repository.tags())

    def has(self, digest: str) -> bool:
        with Repository(self.name) as repository:
            return repository.manifest(digest) is not None

    def _blob(self, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        upload = httpx.post(f"{self.url}/blobs/uploads/").headers["Location"]
        assert httpx.put(
            upload, params={**dict(httpx.URL(upload).params), "digest": digest}, content=content
        ).is_success
        return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": len(content)}

    def _put(self, body: dict[str, Any], kind: str, tags: tuple[str, ...]) -> str:
        content = json.dumps(body).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        for name in tags or (digest,):
            answer = httpx.put(f"{self.url}/manifests/{name}", content=content, headers={"Content-Type": kind})
            assert answer.is_success, answer.text
        return digest


@pytest.fixture
def pushed(registry_address: str, tmp_path: Path) -> Pushed:
    return Pushed(f"{registry_address}/{tmp_path.name.lower().replace('_', '-').strip('-')}")


def config(image: str, **nightly: Any) -> Config:
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    for component in settings["components"].values():
        component["image"] = image
    return Config.model_validate(settings | {"nightly": nightly})


def on(day: str) -> datetime.date:
    return datetime.date.fromisoformat(day)


def brief(found: tuple[UnusedImage, ...]) -> dict[str, bool]:
    return {i.digest: i.deleted for i in found}


def test_what_is_not_needed_is_listed_with_the_day_and_nothing_is_deleted(pushed: Pushed) -> None:
    old, used, _ = (pushed.image(f"a{n}", tree(n)) for n in range(3))
    (found,) = unused_images(config(pushed.name, keep=0), lambda: {used, tree(2)})
    assert (found.digest, found.tags, found.deleted) == (old, (tree(0),), False)
    assert pushed.there() == {tree(0), tree(1), tree(2)}


def test_tags_of_other_people_keep_what_they_name_and_are_never_listed(pushed: Pushed) -> None:
    pushed.image("theirs", "v1.2")
    pushed.image("both", tree(1), "stable")
    assert unused_images(config(pushed.name, keep=0, unused_images="delete"), set) == ()
    assert pushed.there() == {"v1.2", tree(1), "stable"}


def test_deletion_waits_for_the_days_and_takes_every_tag_of_the_image_and_does_so_once(pushed: Pushed) -> None:
    settings = config(pushed.name, keep="30d", unused_images="delete")
    old, used = pushed.image("old", tree(1), tree(2)), pushed.image("used", tree(3))
    assert brief(unused_images(settings, lambda: {used}, on("2026-11-01"))) == {old: False}
    assert brief(unused_images(settings, lambda: {used}, on("2026-11-30"))) == {old: False}
    (gone,) = unused_images(settings, lambda: {used}, on("2026-12-01"))
    assert (gone.digest, gone.since, gone.deleted) == (old, "2026-11-01", True)
    assert unused_images(settings, lambda: {used}, on("2026-12-01")) == ()
    assert (pushed.there(), pushed.has(old), pushed.has(used)) == ({tree(3)}, False, True)


def test_an_image_that_was_used_again_meanwhile_waits_anew(pushed: Pushed) -> None:
    settings = config(pushed.name, keep="30d", unused_images="delete")
    old = pushed.image("old", tree(1))
    unused_images(settings, set, on("2026-11-01"))
    assert unused_images(settings, lambda: {old}, on("2026-11-20")) == ()
    assert brief(unused_images(settings, set, on("2026-12-05"))) == {old: False}


def test_the_fleet_is_looked_at_again_just_before(pushed: Pushed) -> None:
    """A release takes one of them while the others go."""
    taken, gone = pushed.image("taken", tree(1)), pushed.image("gone", tree(2))
    looks = iter([set(), {tree(1)}])
    found = unused_images(config(pushed.name, keep=0, unused_images="delete"), lambda: next(looks))
    assert brief(found) == {taken: False, gone: True}
    assert pushed.there() == {tree(1)}


def test_an_index_goes_with_its_platforms_but_not_with_those_that_others_name(pushed: Pushed) -> None:
    alone, running = pushed.image("p0"), pushed.image("p2")
    shared = pushed.image("p1", tree(4))  # nobody needs the tag, but an index that stays is made of it
    old = pushed.index([alone, shared], tree(1))
    pushed.index([shared], tree(2))
    by_platform = pushed.index([running], tree(3))
    found = unused_images(config(pushed.name, keep=0, unused_images="delete"), lambda: {tree(2), running})
    assert brief(found) == {old: True}
    assert [pushed.has(d) for d in (old, alone, shared, running, by_platform)] == [False, False, True, True, True]


def test_a_repository_that_is_not_there_yet_has_nothing_unused(pushed: Pushed) -> None:
    assert unused_images(config(pushed.name + "/none"), set) == ()


def test_evidence_stays_as_long_as_the_content_that_it_is_of(pushed: Pushed) -> None:
    content = [f"content-{n:040x}" for n in range(4)]
    evidence = [f"{c}.evidence-{'e' * 40}" for c in content]
    images = [pushed.image(f"i{n}", content[n]) for n in range(3)]
    gone = [pushed.image(f"e{n}", evidence[n]) for n in range(4)]  # of the last one no image was built
    pushed.image("i1", "stable")  # somebody else's tag keeps an image, and so what is known of it
    found = unused_images(config(pushed.name, keep=0, unused_images="delete"), lambda: {images[0], content[3]})
    assert brief(found) == {images[2]: True, gone[2]: True}
    assert pushed.there() == {*content[:2], *evidence[:2], evidence[3], "stable"}


class Registry(BaseHTTPRequestHandler):
    """Answers that no registry of ours gives: a token server, no deletion, a redirect, trouble."""

    seen: list[tuple[str, str, str]]
    port: int

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        if self.path.startswith("/token"):
            return self._answer(200, {"token": "t0ken"})
        if self.headers.get("Authorization") != "Bearer t0ken":
            realm = f'Bearer realm="http://127.0.0.1:{self.port}/token",service="here",scope="repository:a/b:pull"'
            return self._answer(401, {}, **{"WWW-Authenticate": realm})
        if self.command == "DELETE":
            return self._answer(405, {"errors": [{"code": "UNSUPPORTED"}]})
        if "/away/" in self.path:
            return self._answer(503, {})
        if "/elsewhere/" in self.path:
            return self._answer(307, {}, Location="http://127.0.0.1:1/")
        if "/tags/" in self.path and "last=" not in self.path:
            link = '</v2/a/b/tags/list?last=x&n=1>; rel="next"'
            return self._answer(200, {"tags": [tree(1)]}, Link=link)
        if "/tags/" in self.path:
            return self._answer(200, {"tags": [tree(2)]})
        return self._answer(200, {}, **{"Docker-Content-Digest": "sha256:" + self.path[-1] * 64})

    do_DELETE = do_GET

    def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Registry]]:
    """Such a registry, and a login for it."""
    handler = type("Handler", (Registry,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.port = server.server_port  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    login = {"auths": {f"127.0.0.1:{server.server_port}": {"auth": "a2FyaTpzM2NyZXQ="}}}
    (tmp_path / "config.json").write_text(json.dumps(login))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    yield handler  # type: ignore[misc]
    server.shutdown()
    server.server_close()


def test_a_token_is_fetched_with_dockers_login_and_pages_are_followed(strange: type[Registry]) -> None:
    found = unused_images(config(f"127.0.0.1:{strange.port}/a/b", keep=0), set)
    assert [i.tags for i in found] == [(tree(1),), (tree(2),)]
    tokens = [(path, authorization) for _, path, authorization in strange.seen if path.startswith("/token")]
    assert tokens[0] == ("/token?service=here&scope=repository%3Aa%2Fb%3Apull", "Basic a2FyaTpzM2NyZXQ=")
    assert {a for _, path, a in strange.seen if not path.startswith("/token")} == {"", "Bearer t0ken"}


def test_a_registry_that_deletes_nothing_is_told_with_what_was_found(strange: type[Registry]) -> None:
    with pytest.raises(ImagesNotKnown, match="deletes nothing") as caught:
        unused_images(config(f"127.0.0.1:{strange.port}/a/b", keep=0, unused_images="delete"), set)
    assert len(caught.value.found) == 2
    assert not any(i.deleted for i in caught.value.found)


@pytest.mark.parametrize(("path", "told"), [("away", "HTTP 503"), ("elsewhere", "HTTP 307")])
def test_trouble_is_told_and_a_login_follows_no_redirect(strange: type[Registry], path: str, told: str) -> None:
    with pytest.raises(ReleaseRefused, match=told):
        unused_images(config(f"127.0.0.1:{strange.port}/{path}/b"), set)


def test_a_registry_that_is_not_there_is_a_servers_trouble() -> None:
    with Repository("127.0.0.1:1/a/b") as repository, pytest.raises(ServiceUnavailable, match="did not answer"):
        list(repository.tags())
