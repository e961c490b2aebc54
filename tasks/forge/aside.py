"""Does the newest of what it is handed, beside the release: what is told to a forge must never hold it up or end it."""

import contextvars
import logging
import threading
from collections.abc import Callable

from tasks.errors import RateLimited, ServiceUnavailable, SlipwayError

log = logging.getLogger(__name__)
PAUSES = (1.0, 4.0)


class Newest:
    """One thread that does one thing after the other, so that the newest is the last one to arrive.

    What has not begun when something newer comes is left out. Trouble that may pass is tried three times, and only as
    long as nothing newer waits; every failure is a line in the log.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._work: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None

    def hand(self, work: Callable[[], object]) -> None:
        """Takes the newest work and returns at once."""
        context = contextvars.copy_context()  # its lines belong to the log of the run that hands it over
        with self._changed:
            self._work = lambda: context.run(work)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="newest status", daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> bool:
        """Waits until everything is done, so long at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                work, self._work = self._work, None
                if work is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
            self._do(work)

    def _do(self, work: Callable[[], object]) -> None:
        for pause in (*PAUSES, None):
            try:
                work()
                return
            except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not end the thread
                passing = isinstance(error, ServiceUnavailable) and not isinstance(error, RateLimited)
                what = error.reasons[0].what if isinstance(error, SlipwayError) else f"{type(error).__name__}: {error}"
                log.warning("the commit's status is not told: %s", what)
                if not passing or pause is None or self._overtaken(pause):
                    return

    def _overtaken(self, seconds: float) -> bool:
        """Waits before the next try; whether something newer has come instead."""
        with self._changed:
            return self._changed.wait_for(lambda: self._work is not None, seconds)
