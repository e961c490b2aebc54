"""Prefect's own test server, in the process of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.testing.utilities import prefect_test_harness

START_SECONDS = 120
LAST_WORDS_SECONDS = 20


@contextmanager
def prefect_harness() -> Iterator[None]:
    """The server for the length of the block.

    At its end Prefect waits without a limit until logs and events have been taken, also those for servers of tests before, which may be gone.
    """
    with prefect_test_harness(server_startup_timeout=START_SECONDS):
        try:
            yield
        finally:
            for worker in (APILogWorker, EventsWorker):
                worker.drain_all(timeout=LAST_WORDS_SECONDS)
