"""A browser at the app's address, BASE_URL; a failed test leaves a screenshot and a trace in ARTIFACTS."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

BASE_URL = os.environ.get("BASE_URL", "http://frontend:3000")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=OPTIONS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call":
        item.stash["failed"] = report.failed  # type: ignore[index]
    return report


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(base_url=BASE_URL, viewport={"width": 900, "height": 700})
    context.tracing.start(screenshots=True, snapshots=True)
    page = context.new_page()
    page.goto("/")
    yield page
    if request.node.stash.get("failed", False) and (artifacts := os.environ.get("ARTIFACTS")):
        folder = Path(artifacts, re.sub("[^a-z0-9]+", "-", request.node.name))
        page.screenshot(path=folder / "screenshot.png")
        context.tracing.stop(path=folder / "trace.zip")
    context.close()
