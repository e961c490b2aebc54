"""The page behind an approval link: what it shows of hostile text, its headers, and what strangers learn."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request

from deployments.approve import page as pages
from deployments.approve.command import LONGEST_NOTE, Answer, Waiting
from deployments.approve.html import answered_page, question_page
from deployments.approve.page import MAX_BYTES, router
from tasks.config.model import Config
from tasks.run.approval_link import link
from tests.reliability.world import config_for

RUN = "0d7b5a3e-6c43-4a8e-9b07-5bb0f1a0c111"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) ![p](https://evil.example/p.png)"
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "secret").write_text("s" * 32)
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True, exclude_unset=True)
    return Config.model_validate(
        settings
        | {
            "approval": {"link": {"secret_file": str(tmp_path / "secret")}},
            "addresses": {"receiver": "https://slipway.example.no"},
        }
    )


def client(*configs: Config) -> TestClient:
    app = FastAPI()
    app.include_router(router(configs))
    return TestClient(app, follow_redirects=False)


def address(config: Config) -> str:
    made = link(config, RUN, "all", "0" * 12, "kari")
    assert made
    return made.removeprefix("https://slipway.example.no")


def test_text_of_commits_and_people_is_text_on_the_page() -> None:
    plan = f"# {HOSTILE}\n\n| a |\n| --- |\n| {HOSTILE} |\n\n```diff\n- {HOSTILE}\n+ <b>\n```\n\n{HOSTILE}\n"
    asked = Waiting(run=RUN, url="http://ui", ring="all", plan="0" * 12, asks=HOSTILE, text=plan)
    given = Answer(run=RUN, url="http://ui", ring="all", plan="0" * 12, decision="reject", by=HOSTILE, note=HOSTILE)
    for page in (question_page(asked, HOSTILE), question_page(asked, ""), answered_page(given, "http://ui")):
        lowered = page.lower()
        assert "<script" not in lowered and "<img" not in lowered and "<b>" not in lowered
        assert lowered.count("href=") == page.count('<a href="http://ui"')
    assert '<span class="added">+ &lt;b&gt;</span>' in question_page(asked, "kari")


def test_who_has_no_name_in_the_link_is_asked_for_one() -> None:
    asked = Waiting(run=RUN, url="http://ui", ring="all", plan="0" * 12, asks="-", text="-")
    assert 'name="by"' in question_page(asked, "")
    assert 'name="by"' not in question_page(asked, "kari")


def test_every_answer_may_not_be_framed_kept_or_told_onwards(config: Config) -> None:
    answer = client(config).get("/approve/nothing")
    assert (answer.status_code, "This link is not valid" in answer.text) == (404, True)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "form-action 'self'" in policy


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_learns_nothing_and_reaches_no_server(
    config: Config, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    unlinked = config.model_copy(update={"approval": config.approval.model_copy(update={"link": None})})
    for configs in ((), (unlinked,), (config,)):
        for token in ("x", "x" * 5000, "a.b.c", "%00", "%C3%A9"):
            assert getattr(client(*configs), method)(f"/approve/{token}").status_code == 404


def test_only_a_form_that_decides_is_read(config: Config) -> None:
    here = client(config)
    assert here.post(address(config), content=b"a" * (MAX_BYTES + 1)).status_code == 413
    assert MAX_BYTES > 9 * LONGEST_NOTE, "a note in any script fits"
    for body in (b"", b"decision=maybe", b"decision=", b"\xff\xfe", b"&".join(b"a=1" for _ in range(50)), b"{}"):
        answer = here.post(address(config), content=body)
        assert (answer.status_code, "Nothing was decided" in answer.text) == (422, True), body


def test_a_form_that_does_not_end_holds_no_connection(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SECONDS", 0.1)
    routes, sent = [r for r in router((config,)).routes if "POST" in r.methods], []

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append(1)
            return {"type": "http.request", "body": b"decision=approve", "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def ask() -> Any:
        request = Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)
        return await asyncio.wait_for(routes[0].endpoint("x", request), 5)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


def test_other_methods_do_nothing(config: Config) -> None:
    for method in ("head", "put", "delete", "options"):
        assert getattr(client(config), method)(address(config)).status_code == 405


def test_a_secret_that_cannot_be_read_is_for_the_operator(config: Config, caplog: Any) -> None:
    here = address(config)
    place = Path(str(config.approval.link.secret_file))  # type: ignore[union-attr]
    place.unlink()
    answer = client(config).get(here)
    assert (answer.status_code, "cannot be taken just now" in answer.text) == (503, True)
    assert str(place) not in answer.text
    assert str(place) in caplog.text
