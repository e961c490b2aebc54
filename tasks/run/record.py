"""This run as the Prefect server recorded it: which steps ran when, and after which."""

import time
from collections.abc import Sequence
from typing import Any

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import TaskRunResult
from prefect.runtime import flow_run as this_run

from tasks.models import Span

SETTLE_SECONDS = 3


def spans() -> dict[str, Span]:
    """This run's finished steps from the server, which learns of them a moment after they happen."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with get_client(sync_client=True) as client:
        while True:
            runs = _task_runs(client)
            now = [
                r for r in runs if r.flow_run_run_count == this_run.run_count
            ]  # an attempt that was killed ends no step
            if all(r.end_time for r in now) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    return as_spans(runs)


def as_spans(runs: Sequence[Any]) -> dict[str, Span]:
    """Task runs as Prefect's client gives them -> the spans of those that have ended and were not found in storage."""
    done = [r for r in runs if r.start_time and r.end_time and r.state_name != "Cached"]
    first = min((r.start_time for r in done), default=None)
    return {
        str(r.id): Span(
            name=r.name,
            start=(r.start_time - first).total_seconds(),
            end=(r.end_time - first).total_seconds(),
            after=tuple(str(i.id) for inputs in r.task_inputs.values() for i in inputs if isinstance(i, TaskRunResult)),
        )
        for r in done
    }


def _task_runs(client: Any) -> list[Any]:
    """Every task run of this run; the server gives 200 at once."""
    runs, wanted = [], FlowRunFilter(id={"any_": [this_run.id]})
    while page := client.read_task_runs(flow_run_filter=wanted, limit=200, offset=len(runs)):
        runs += page
    return runs
