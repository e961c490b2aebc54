"""A release's run as the Prefect server recorded it: its steps as bars, and the chain that decided how long it took.

Everything else works without the server; that it is not there is said.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any
from uuid import UUID

from pydantic import Field

from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.models import Span, Value
from tasks.reports.timeline import critical_path, wall_seconds

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 2.0
FRESH_SECONDS = 10.0
KEPT = 64
MOST_STEPS = 1000
# Longer pauses, in which no step runs (an approval, a retry a day later), are drawn as short as this.
PAUSE_SECONDS = 30.0


class Bar(Value):
    """One step, as a part of the drawn time: `left` and `width` in percent."""

    name: str
    seconds: float
    left: float
    width: float
    critical: bool


class Recorded(Value):
    """One run. `problem` says why there are no steps."""

    run: str
    state: str = ""
    url: str = ""
    bars: tuple[Bar, ...] = ()
    busy_seconds: float = Field(default=0.0, description="seconds in which at least one step ran")
    waited_seconds: float = Field(default=0.0, description="seconds between steps that are drawn short")
    problem: str = ""

    @property
    def critical(self) -> tuple[Bar, ...]:
        """The chain of steps that decided how long it took, in order."""
        return tuple(b for b in self.bars if b.critical)


class Records:
    """Asks the server for runs and keeps the answers for a while: pages are looked at more often than runs change."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._kept: dict[str, tuple[float, Recorded]] = {}
        self._lock = Lock()

    def of(self, run: str) -> Recorded:
        """What the server says of a run; never raises for a server that is not there."""
        with self._lock:
            until, kept = self._kept.get(run, (0.0, None))
            if kept and time.monotonic() < until:
                return kept
            found = self._ask(run)
            self._kept[run] = (time.monotonic() + FRESH_SECONDS, found)
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
            return found

    def _ask(self, run: str) -> Recorded:
        try:
            wanted = UUID(run)
        except ValueError:
            return Recorded(run=run, problem="The commit names no run of Prefect.")
        from prefect.exceptions import ObjectNotFound

        try:
            found, task_runs, address = _read(wanted)
        except ObjectNotFound:
            return Recorded(run=run, problem="The Prefect server no longer knows this run.")
        except SlipwayError as error:
            log.info("run %s: %s", run, error)
            return Recorded(run=run, problem="The Prefect server does not answer, so the run's steps are not shown.")
        from tasks.run.record import as_spans

        page = str(self.config.addresses.prefect or address.removesuffix("/api")).rstrip("/")
        state = found.state.name or "" if found.state else ""
        return as_recorded(run, state, f"{page}/runs/flow-run/{run}", as_spans(task_runs))


def as_recorded(run: str, state: str, url: str, spans: Mapping[str, Span]) -> Recorded:
    """The steps as bars, by their start; pauses are drawn short."""
    ordered = sorted(spans.values(), key=lambda s: (s.start, s.end))
    pauses = _pauses(ordered)
    end = max((s.end for s in ordered), default=0.0)
    whole = _drawn(end, pauses) or 1.0
    critical = {id(s) for s in critical_path(spans)}
    bars = []
    for span in ordered:
        left, right = _drawn(span.start, pauses), _drawn(span.end, pauses)
        bars.append(
            Bar(
                name=span.name,
                seconds=span.end - span.start,
                left=round(100 * left / whole, 2),
                width=round(max(0.4, 100 * (right - left) / whole), 2),
                critical=id(span) in critical,
            )
        )
    waited = sum(until - since for since, until in pauses)
    return Recorded(
        run=run,
        state=state,
        url=url,
        bars=tuple(bars),
        busy_seconds=wall_seconds(spans),
        waited_seconds=waited,
        problem="" if bars else "The Prefect server has no finished steps of this run.",
    )


def _pauses(ordered: Sequence[Span]) -> list[tuple[float, float]]:
    """(since, until) of the times in which no step ran for long."""
    found, reached = [], 0.0
    for span in ordered:
        if span.start - reached > PAUSE_SECONDS:
            found.append((reached, span.start))
        reached = max(reached, span.end)
    return found


def _drawn(when: float, pauses: Sequence[tuple[float, float]]) -> float:
    """A moment's place when every pause before it is drawn as `PAUSE_SECONDS`."""
    cut = sum(until - since - PAUSE_SECONDS for since, until in pauses if until <= when)
    return when - cut


def _read(run: UUID) -> tuple[Any, list[Any], str]:
    """The run, its task runs, and the server's address. Raises `ServiceUnavailable` when it does not answer."""
    import httpx
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.exceptions import ObjectNotFound, PrefectException
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

    from tasks.errors import ServiceUnavailable

    # Without an address Prefect would start a server of its own.
    if not (address := get_current_settings().api.url):
        raise ServiceUnavailable.because("PREFECT_API_URL is not set")
    once, limit = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), httpx.Timeout(TIMEOUT_SECONDS)
    try:
        with once, get_client(sync_client=True, httpx_settings={"timeout": limit}) as client:
            found, wanted = client.read_flow_run(run), FlowRunFilter(id={"any_": [run]})
            runs: list[Any] = []
            while len(runs) < MOST_STEPS and (
                page := client.read_task_runs(flow_run_filter=wanted, limit=200, offset=len(runs))
            ):
                runs += page
    except ObjectNotFound:
        raise
    except (httpx.HTTPError, PrefectException) as error:
        raise ServiceUnavailable.because(f"the Prefect server does not answer: {error}") from error
    return found, runs, address
