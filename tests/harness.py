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

    What tells a server of logs and events goes on to the one that it met first, so none of tests before may be left. At the end Prefect waits
    without a limit until all has been taken, also what is for servers that are gone.
    """
    _say_last_words()
    with prefect_test_harness(server_startup_timeout=START_SECONDS):
        try:
            yield
        finally:
            _say_last_words()


def _say_last_words() -> None:
    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=LAST_WORDS_SECONDS)
