"""The Chromium that draws: it is the one that everything else here uses."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deployments.demo.ending import BROWSERS, OPTIONS


@contextmanager
def browser() -> Iterator[Any]:
    """The installed Chromium, or the one that Playwright fetched where none is."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield started
        finally:
            started.close()
