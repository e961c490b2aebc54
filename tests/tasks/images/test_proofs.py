"""Evidence on a real registry, alone and behind one that refuses, lies, forgets, or asks for patience."""

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tasks import settled
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.images import proofs
from tasks.images.artifacts import Artifacts
from tasks.images.lock import held
from tasks.images.registry_api import MANIFESTS
from tasks.models import Claim, Quarantined, QuarantineEntry, ReusedFrom, SuiteResult, TestCase

RUN = ReusedFrom.now("0f1e2d3c", "http://127.0.0.1:4200/runs/flow-run/0f1e2d3c")
PASSED = SuiteResult(suite="unit", component="api", passed=3, seconds=1.5, junit=True)
RED = PASSED.model_copy(update={"failed": (TestCase(name="t", message="no"),)})


@pytest.fixture
def claim(registry_address: str, tmp_path: Path) -> Claim:
    name = tmp_path.name.lower().replace("_", "-").strip("-")
    return Claim(
        component="api",
        suite="unit",
        repository=f"{registry_address}/{name}",
        beside="content-" + "a" * 40,
        parts={"content": "a" * 64, "settings": {"run": "pytest", "æ": [1, None]}},
    )


def other(claim: Claim, **parts: Any) -> Claim:
    return claim.model_copy(update={"parts": {**claim.parts, **parts}})


def artifact(claim: Claim) -> dict[str, Any]:
    with Artifacts(claim.repository) as repository:
        found = repository.raw_manifest(claim.tag)
    assert found
    return json.loads(found[0])


def never() -> SuiteResult:
    raise AssertionError("it was run again")


def test_what_passed_once_is_found_again_with_the_run_that_it_is_of(claim: Claim) -> None:
    assert proofs.find(claim) is None
    assert proofs.proven(claim, lambda: PASSED, RUN) == PASSED
    for _ in range(2):
        assert proofs.proven(claim, never, RUN) == PASSED.model_copy(update={"reused": RUN})
    assert proofs.find(other(claim, content="b" * 64)) is None
    again = proofs.proven(claim, lambda: PASSED, ReusedFrom.now("later", ""), reuse=False)
    assert again.reused is None, "it was asked for anew"
    assert proofs.find(claim).reused.run == "later"


def test_it_is_an_oci_artifact_that_says_what_went_into_it(claim: Claim) -> None:
    proofs.keep(claim, PASSED, RUN)
    manifest = artifact(claim)
    assert (manifest["artifactType"], manifest["config"]["mediaType"]) == (proofs.KIND, proofs.EMPTY_KIND)
    assert "subject" not in manifest
    with Artifacts(claim.repository) as repository:
        record = json.loads(repository.blob(manifest["layers"][0]["digest"]) or b"")
        assert (record["key"], record["parts"], record["by"]["run"]) == (claim.key, claim.parts, RUN.run)
        # Once the image is there, what is recorded names it.
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": repository.push_blob(b"x"), "size": 1}
        config = {**layer, "mediaType": "application/vnd.oci.image.config.v1+json"}
        body = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": [layer]}
        image = repository.push_manifest(claim.beside, json.dumps(body).encode(), MANIFESTS[0])
    proofs.keep(claim, PASSED, RUN)
    assert artifact(claim)["subject"]["digest"] == image
    assert proofs.find(claim)


def test_a_suite_that_was_red_runs_until_it_is_green(claim: Claim) -> None:
    """Whatever became of the release: an override lets it pass, the suite stays red."""

    def fails() -> SuiteResult:
        raise ReleaseRefused("api unit: t failed")

    for _ in range(2):
        with pytest.raises(ReleaseRefused):
            proofs.proven(claim, fails, RUN)
    proofs.keep(claim, RED, RUN)
    assert proofs.find(claim) is None
    assert proofs.proven(claim, lambda: PASSED, RUN).reused is None
    assert proofs.proven(claim, never, RUN).reused == RUN


def in_quarantine() -> SuiteResult:
    entry = QuarantineEntry(test="t", suite="api/unit", owner="kari", reason="r", until=datetime.date(2026, 12, 24))
    return PASSED.model_copy(update={"quarantined": (Quarantined(entry=entry, did="fail"),)})


def refused() -> SuiteResult:
    raise ReleaseRefused("api unit: t failed")


@pytest.mark.parametrize("later", [refused, in_quarantine])
def test_a_later_run_that_did_not_pass_takes_the_record_back(
    claim: Claim, caplog: pytest.LogCaptureFixture, later: Callable[[], SuiteResult]
) -> None:
    proofs.keep(claim, PASSED, RUN)
    with suppress(ReleaseRefused):
        proofs.proven(claim, later, RUN, reuse=False)
    assert proofs.find(claim) is None
    assert "passed before for the same content" in caplog.text
    assert proofs.proven(claim, lambda: PASSED, RUN).reused is None
    assert proofs.proven(claim, never, RUN).reused == RUN


def test_a_run_that_came_to_no_verdict_takes_nothing_back(claim: Claim) -> None:
    def away() -> SuiteResult:
        raise ServiceUnavailable("the Engine did not answer")

    proofs.keep(claim, PASSED, RUN)
    with pytest.raises(ServiceUnavailable):
        proofs.proven(claim, away, RUN, reuse=False)
    settled.settle()
    try:
        with pytest.raises(settled.NotNeeded):
            proofs.proven(claim, refused, RUN, reuse=False)
    finally:
        settled.begin_again()
    assert proofs.find(claim)


def forged(claim: Claim, **changes: Any) -> bytes:
    record = {"key": claim.key, "parts": claim.parts, "by": RUN.model_dump(), "result": PASSED.model_dump(mode="json")}
    return json.dumps({**record, **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "0" * 64}, "another key"),
        ({"parts": {"content": "else"}}, "another key"),
        ({"result": RED.model_dump(mode="json")}, "one that failed"),
        ({"result": in_quarantine().model_dump(mode="json")}, "one that failed"),
        ({"result": {**PASSED.model_dump(mode="json"), "suite": "lint"}}, "another suite"),
        ({"by": {**RUN.model_dump(), "url": "javascript:alert(1)"}}, "not a record of ours"),
        ({"by": {**RUN.model_dump(), "run": "<b>\u202e"}}, "not a record of ours"),
        ({"more": 1}, "not a record of ours"),
        ({"result": None}, "not a record of ours"),
    ],
)
def test_a_record_that_is_none_counts_as_absent_and_the_log_says_why(
    claim: Claim, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], said: str
) -> None:
    with Artifacts(claim.repository) as repository:
        proofs._write(repository, claim, forged(claim, **changes))
    assert proofs.find(claim) is None
    assert said in caplog.text


@pytest.mark.parametrize(
    "manifest", [b"[]", b'{"layers": []}', b"{" * 90_000, b'{"artifactType": "%s", "layers": [{"digest": 1}]}']
)
def test_another_manifest_under_its_tag_is_not_read_further(
    claim: Claim, hostile: "type[Hostile]", caplog: pytest.LogCaptureFixture, manifest: bytes
) -> None:
    hostile.trouble, hostile.manifest = (
        "another manifest",
        manifest % proofs.KIND.encode() if b"%s" in manifest else manifest,
    )
    assert proofs.find(through(claim, hostile)) is None
    assert "not one of ours" in caplog.text


class Hostile(BaseHTTPRequestHandler):
    """Stands before the real registry and passes everything on, but for one kind of trouble."""

    trouble, registry, manifest, port = "", "", b"", 0
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path.partition('?')[0].rpartition('/')[0].rpartition('/')[2]}")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.trouble == "refuses" and self.command == "PUT" and "/manifests/" in self.path:
            return self._answer(400, b'{"errors": [{"code": "MANIFEST_INVALID"}]}')
        if self.trouble == "is full" and self.command in ("POST", "PUT"):
            return self._answer(507, b"")
        if self.trouble == "loses" and self.command == "GET" and "/blobs/" in self.path:
            return self._answer(404, b"")
        if self.trouble == "always 429" or (self.trouble == "429" and self.asked.count(self.asked[-1]) == 1):
            return self._answer(429, b"", {"Retry-After": "0"})
        if self.trouble == "another manifest" and "/manifests/" in self.path:
            return self._answer(200, self.manifest)
        if self.trouble == "elsewhere" and self.command == "POST":
            return self._answer(202, b"", {"Location": "http://127.0.0.2:1/upload"})
        if self.trouble == "redirects" and "/blobs/" in self.path and "away" not in self.path:
            return self._answer(307, b"", {"Location": f"http://127.0.0.1:{self.port}{self.path}?away"})
        if self.trouble == "no address" and self.command == "POST":
            return self._answer(202, b"", {"Location": "http://[::x"})
        if self.trouble == "not packed":
            return self._answer(200, b"{}", {"Content-Encoding": "gzip"})
        if self.trouble == "odd bytes":
            return self._answer(429, b"", {"Retry-After": "\u00b2"})
        if self.trouble == "endless" and "/blobs/" in self.path:
            return self._endless()
        return self._pass_on(content)

    do_POST = do_PUT = do_HEAD = do_GET

    def _pass_on(self, content: bytes) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "accept-encoding")}
        url = f"http://{self.registry}{self.path}"
        answer = httpx.request(self.command, url, headers=headers, content=content)
        body, given = answer.content, {k: v for k, v in answer.headers.items() if k not in ("content-length", "date")}
        if self.trouble == "lies":
            given["docker-content-digest"] = "sha256:" + "0" * 64
        if self.trouble == "other bytes" and self.command == "GET" and "/blobs/" in self.path:
            body = body.replace(b'"passed":3', b'"passed":9')
        self._answer(answer.status_code, body, given)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 100_000)
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hostile(registry_address: str) -> Iterator[type[Hostile]]:
    handler = type("Handler", (Hostile,), {"registry": registry_address, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.port = server.server_port  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield handler  # type: ignore[misc]
    server.shutdown()
    server.server_close()


def through(claim: Claim, hostile: type[Hostile]) -> Claim:
    return claim.model_copy(update={"repository": f"127.0.0.1:{hostile.port}/{claim.repository.partition('/')[2]}"})


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("refuses", "HTTP 400"),
        ("is full", "HTTP 507"),
        ("elsewhere", "HTTP 202"),
        ("always 429", "HTTP 429"),
        ("odd bytes", "HTTP 429"),
        ("lies", "not what its digest says"),
        ("no address", "HTTP 202"),
        ("not packed", "did not answer"),
    ],
)
def test_a_registry_that_takes_no_evidence_costs_a_warning(
    claim: Claim, hostile: type[Hostile], caplog: pytest.LogCaptureFixture, trouble: str, said: str
) -> None:
    hostile.trouble, there = trouble, through(claim, hostile)
    assert proofs.proven(there, lambda: PASSED, RUN) == PASSED
    assert "could not be put on record, so it will run again" in caplog.text
    assert said in caplog.text


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("loses", "its layer is not there"),
        ("lies", "not what its digest says"),
        ("other bytes", "not what its digest says"),
        ("endless", "an answer of more than"),
        ("always 429", "HTTP 429"),
        ("odd bytes", "HTTP 429"),
        ("not packed", "did not answer"),
    ],
)
def test_evidence_that_a_registry_does_not_hand_out_as_it_was_is_absent(
    claim: Claim, hostile: type[Hostile], caplog: pytest.LogCaptureFixture, trouble: str, said: str
) -> None:
    proofs.keep(claim, PASSED, RUN)
    hostile.trouble, there = trouble, through(claim, hostile)
    assert proofs.find(there) is None
    assert said in caplog.text
    assert proofs.proven(there, lambda: PASSED, RUN).reused is None


@pytest.mark.parametrize("trouble", ["", "429", "redirects"])
def test_patience_and_another_place_for_blobs_are_no_trouble(
    claim: Claim, hostile: type[Hostile], trouble: str
) -> None:
    hostile.trouble, there = trouble, through(claim, hostile)
    if trouble != "redirects":
        proofs.keep(there, PASSED, RUN)
    else:
        proofs.keep(claim, PASSED, RUN)
    assert proofs.find(there).reused == RUN


def test_no_registry_at_all_is_absence_too(claim: Claim) -> None:
    gone = claim.model_copy(update={"repository": "127.0.0.1:1/a/b"})
    assert proofs.proven(gone, lambda: PASSED, RUN) == PASSED


def test_whoever_needs_the_same_at_once_waits_and_takes_it_over(claim: Claim) -> None:
    ran = []

    def slow() -> SuiteResult:
        ran.append(time.monotonic())
        time.sleep(0.5)
        return PASSED

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: proofs.proven(claim, slow, RUN), range(4)))
    assert len(ran) == 1
    assert [r.reused for r in results].count(None) == 1


def test_a_process_that_is_killed_gives_its_content_back() -> None:
    hold = "import sys, time\nfrom tasks.images.lock import held\nwith held('x'):\n    print('has it', flush=True)\n    time.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as other_release:
        assert other_release.stdout and other_release.stdout.readline() == "has it\n"
        with ThreadPoolExecutor(1) as pool:

            def mine() -> float:
                with held("x"):
                    return time.monotonic()

            waiting = pool.submit(mine)
            time.sleep(0.5)
            assert not waiting.done()
            killed = time.monotonic()
            os.kill(other_release.pid, signal.SIGKILL)
            assert waiting.result(10) > killed
