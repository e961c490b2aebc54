"""Approval on a real Prefect server and worker: in Prefect's own UI, from the command line, by a signed link, or not in time."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from deployments import services
from deployments.approve import command as approve
from deployments.browser import browser
from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.run import approval_link
from tests.flows.asked import PATIENCE_SECONDS, Customers, Release, Servers, begin, deploy
from tests.flows.prefect_ui import PATIENCE_MS, RunPage, picture
from tests.ports import free_port
from tests.program import slipway

pytestmark = pytest.mark.slow
SECRET = "s3cret-of-the-links-" + "x" * 20


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("approval"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def customers() -> Iterator[tuple[Customers, int]]:
    there = Customers()
    with there.serving() as port:
        yield there, port


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def start(servers: Servers, customers: tuple[Customers, int], tmp_path: Path) -> Iterator[Callable[..., Release]]:
    """Starts a release that asks, with that section `approval`."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: f"{servers.ui}/api"}), get_client(sync_client=True) as client:
        deploy(client)
        yield lambda **approval: begin(servers, *customers, tmp_path, client, **approval)


@pytest.fixture
def run(servers: Servers) -> Callable[..., Any]:
    """The command line, beside that server."""
    return lambda *words: slipway(*words, PREFECT_API_URL=f"{servers.ui}/api", NO_COLOR="1")


def test_an_answer_that_cannot_count_is_asked_again_a_no_ends_the_run_and_retry_asks_once_more(
    start: Callable[..., Release], servers: Servers, chromium: Any, run: Callable[..., Any]
) -> None:
    release = start()
    begun, first, plan = release.world.tip, release.key(), release.plan()
    page = RunPage(chromium.new_page(viewport={"width": 1200, "height": 1000}), servers.ui, release.run)
    form = page.ask()
    expect(form).to_contain_text(f"Plan {plan}")
    page.submit_nothing()
    expect(form).to_contain_text("'decision' is a required property")
    page.fill(decision="approve", approved_by="   ")
    page.submit()
    assert "**Asked again**: `approved_by` is empty: say who you are." in release.asks(first)

    second = release.key()
    assert release.resume(decision="approve", approved_by="kari", note="", plan_hash="0" * 12) == "ACCEPT"
    assert f"the answer was for plan `000000000000`: this is plan `{plan}`" in release.asks(second)
    picture(page.ask(), "approval-asked-again")

    rejected = run("reject", str(release.run), "--by", "kari", "--note", "not today", "--yes")
    assert rejected.returncode == 0, rejected.stderr
    assert f'+    digest: "{release.world.release(1).image("backend").digest}"' in rejected.stdout
    ended = release.wait("Failed")
    for customer in release.world.customers:
        assert f"{customer}: refused: ring all: rejected by kari: not today" in ended.message
    late = run("approve", str(release.run), "--yes")
    assert (late.returncode, "waits for nobody's answer: it is Failed" in late.stderr) == (1, True), late.stderr
    assert release.world.tip == begun, "nothing is written without a yes"

    page = RunPage(chromium.new_page(viewport={"width": 1200, "height": 1000}), servers.ui, release.run)
    page.retry()
    assert "Asked again" not in release.asks(second)
    form = page.ask()
    page.fill(decision="approve", approved_by="kari", note="mended")
    picture(form, "approval-form")
    page.submit()
    assert release.wait().name == "Completed"
    trailers = release.world.git("show", "-s", "--format=%(trailers:only)", "main")
    assert f"Slipway-Approved-By: kari\nSlipway-Plan: {plan}" in trailers
    assert [name for name, state in release.steps() if state == "Completed"].count("make plan") == 1
    assert release.timers() == []


def test_a_wait_outlives_kill_9_of_server_and_worker_and_a_signed_link_ends_it(
    start: Callable[..., Release], servers: Servers, chromium: Any, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    release = start(by=["kari", "ola"], link={"secret_file": str(tmp_path / "secret")}, timeout="1h")
    release.asks()
    assert release.resume(decision="approve", approved_by="mallory", note="", plan_hash=release.plan()) == "REJECT"
    stranger = run("approve", str(release.run), "--by", "mallory", "--yes")
    assert (stranger.returncode, "mallory is not one of those who may answer" in stranger.stderr) == (2, True)
    unasked = run("approve", str(release.run), "--by", "kari")
    assert (unasked.returncode, "add --yes" in unasked.stderr) == (2, True)
    shown = approve.waiting(f"{servers.ui}/runs/flow-run/{release.run}")
    assert (shown.ring, shown.names, len(release.timers())) == ("all", ("kari", "ola"), 1)
    with pytest.raises(ReleaseRefused, match="waits for plan"):
        approve.answer(shown.model_copy(update={"plan": "0" * 12}), "approve", "kari")

    servers.kill()
    servers.start()
    page = RunPage(chromium.new_page(viewport={"width": 1200, "height": 1000}), servers.ui, release.run)
    page.ask()
    assert page.choices("approved_by") == ["kari", "ola"]

    with pages(servers, tmp_path) as address, httpx.Client(timeout=PATIENCE_SECONDS) as http:
        config = load_config(servers.config)
        link = config_with(config, address)
        other = approval_link.link(link, str(release.run), "all", "0" * 12, "kari")
        assert f"and the run asks for plan {shown.plan}" in http.get(str(other)).text
        mine = str(approval_link.link(link, str(release.run), "all", shown.plan, "kari"))
        phone = chromium.new_page(viewport={"width": 390, "height": 844})
        phone.set_default_timeout(PATIENCE_MS)
        said = phone.goto(mine)
        assert said.headers["referrer-policy"] == "no-referrer"
        expect(phone.get_by_role("heading", name="May ring all move?")).to_be_visible()
        expect(phone.locator("main")).to_contain_text("You answer as kari")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, (
            "it is read on a phone without scrolling aside"
        )
        picture(phone, "approval-link")
        assert release.state.name == "Suspended", "looking answers nothing"
        assert http.post(mine, data={"note": "x"}).status_code == 422
        phone.get_by_label("Note").fill("from the bus")
        phone.get_by_role("button", name="Approve").click()
        expect(phone.get_by_role("heading", name="Ring all was approved")).to_be_visible(timeout=PATIENCE_MS)
        expect(phone.locator("main")).to_contain_text("by kari. from the bus")
        ola = str(approval_link.link(link, str(release.run), "all", shown.plan, "ola"))
        late = http.post(ola, data={"decision": "reject"}, follow_redirects=True)
        words = " ".join(re.sub(r"<[^>]+>", "", late.text).split())
        assert "Ring all was approved" in words and "approved by kari. from the bus" in words
    ended = release.wait()
    assert ended.name == "Completed", ended.message
    assert "Slipway-Approved-By: kari" in release.world.git("show", "-s", "--format=%(trailers:only)", "main")
    assert [state for name, state in release.steps() if name == "make plan"].count("Completed") == 1


@contextmanager
def pages(servers: Servers, folder: Path) -> Iterator[str]:
    """The pages of links under uvicorn; gives their address."""
    port = free_port(4340)
    argv = [sys.executable, "-m", "uvicorn", "--factory", "tests.flows.approve_app:make_app", "--port", str(port)]
    ready = lambda: services.answers(f"http://127.0.0.1:{port}/health")  # noqa: E731
    with services.serving("pages", argv, folder / "pages.log", servers.env, ready) as server:
        server.wait_ready()
        yield f"http://127.0.0.1:{port}"


def config_with(config: Config, receiver: str) -> Config:
    """The configuration with another address for links."""
    return config.model_copy(update={"addresses": config.addresses.model_copy(update={"receiver": receiver})})


def test_a_ring_that_nobody_approves_in_time_ends_with_an_outcome_for_each_customer(
    start: Callable[..., Release],
) -> None:
    release = start(timeout="2s")
    ended = release.wait("Failed")
    for customer in release.world.customers:
        assert f"{customer}: refused: ring all: not approved in 2 s" in ended.message
    assert "next:  retry the run: it asks again" in ended.message
    assert len(release.world.since(release.world.git("rev-list", "--max-parents=0", "main"))) == 0
