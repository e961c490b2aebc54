"""The Chromium of this machine: it takes pictures, draws, prints, and does in tests what people do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def browser() -> Iterator["Browser"]:
    """The installed Chromium, or the one that Playwright fetched where none is. Raises Playwright's `Error` where neither begins."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield started
        finally:
            started.close()
