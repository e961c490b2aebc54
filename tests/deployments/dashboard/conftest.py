"""Two fleets, of ten and of a thousand customers, each served by `slipway dashboard`; made once for all tests here."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deployments.browser import browser as chromium
from tests.deployments.dashboard.fleet import NAMES, SUBJECTS, storied
from tests.deployments.dashboard.served import HOSTILE, LONG, served


@pytest.fixture(scope="session")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], SimpleNamespace]]:
    """A fleet by its size, with the address of its pages."""
    made: dict[int, SimpleNamespace] = {}
    with ExitStack() as stack:

        def make(size: int) -> SimpleNamespace:
            if size not in made:
                folder = tmp_path_factory.mktemp(f"fleet-{size}")
                names = [*NAMES[:9], LONG] if size == 10 else [f"customer-{n:04}" for n in range(size)]
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("SLIPWAY_HOME", str(folder / "home"))
                    subjects = (*SUBJECTS[:-2], HOSTILE, SUBJECTS[-1])
                    made[size] = storied(folder / "world", names, subjects, f"audit {HOSTILE}")
                made[size].url = stack.enter_context(served(folder, made[size].config))
            return made[size]

        yield make


@pytest.fixture
def ten(fleets: Callable[[int], SimpleNamespace]) -> SimpleNamespace:
    """Ten customers and a new one, with every state, hostile texts and a long name."""
    return fleets(10)


@pytest.fixture
def thousand(fleets: Callable[[int], SimpleNamespace]) -> SimpleNamespace:
    """A thousand customers, in the middle of a release."""
    return fleets(1000)


@pytest.fixture
def client(ten: SimpleNamespace) -> Iterator[httpx.Client]:
    """Asks the pages of ten customers."""
    with httpx.Client(base_url=ten.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")  # Playwright has an event loop running as long as it lives
def browser() -> Iterator[Any]:
    """A real browser; without one tests are skipped on a laptop and fail in CI."""
    from playwright.sync_api import Error

    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium())
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield started
