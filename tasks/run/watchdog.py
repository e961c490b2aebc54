"""Finds the runs whose process is gone without a word: a dead machine, a stopped worker, a run that was never begun.

Prefect's own way is an automation that waits for the next heartbeat; it also ends a run that fell asleep just after one.
This one asks the server in which state a run is, and counts silence by its own clock while the server answers: a server
that was away makes no run look dead. Who crashes is begun anew by the automation of `slipway server apply`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, LogFilter
from prefect.client.schemas.sorting import LogSort
from prefect.exceptions import ObjectNotFound, PrefectException, PrefectHTTPStatusError
from prefect.states import AwaitingRetry, Cancelled, Crashed

log = logging.getLogger(__name__)
TAG = "slipway"
FREQUENCY = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
DEFAULT_FREQUENCY = 180
MISSED = 3
PENDING_SECONDS = 600.0
LOOK_SECONDS = 15.0
ATTEMPTS = 3
WATCHED = ("RUNNING", "CANCELLING", "PENDING")


class _Quiet(NamedTuple):
    """The last that was heard of a run, and since when nothing else was."""

    sign: str
    since: float


class Watchdog:
    """Remembers what it last heard of each run; one look after the other, by one clock."""

    def __init__(self) -> None:
        self._quiet: dict[Any, _Quiet] = {}

    def look(self, client: Any, now: float) -> list[str]:
        """Looks at every run that should be alive, gives up those that are not, and says what it did.

        `client` is Prefect's synchronous one, `now` is in seconds of any clock that only goes forward.
        """
        done, heard = [], {}
        for run in _runs(client):
            sign, before = _sign_of_life(client, run), self._quiet.get(run.id)
            heard[run.id] = before if before and before.sign == sign else _Quiet(sign, now)
            quiet = now - heard[run.id].since
            if quiet > LOOK_SECONDS and quiet > _limit(client, run) and (told := _give_up(client, run, quiet)):
                done.append(told)
        self._quiet = heard
        return done

    def forget(self) -> None:
        """Begins anew: nothing could be heard for a while, so nobody was silent."""
        self._quiet.clear()


def watch(stop: threading.Event, tell: Callable[[str], None] = log.warning) -> None:
    """Looks every 15 seconds until `stop` is set. For a thread beside a server, or a process of its own.

    Makes no Prefect run. Two of them at once do no harm: a run that was given up is not given up again.
    """
    dog = Watchdog()
    while not stop.wait(LOOK_SECONDS):
        try:
            with get_client(sync_client=True) as client:
                for line in dog.look(client, time.monotonic()):
                    tell(line)
        except (httpx.HTTPError, PrefectException) as error:
            dog.forget()
            log.info("the Prefect server does not answer: %s", str(error).partition(" for url")[0])
        except Exception as error:  # noqa: BLE001 - what a proxy answers in its own words must not end the watch for good
            dog.forget()
            log.warning("the Prefect server cannot be understood: %s: %s", type(error).__name__, error)


def _runs(client: Any) -> list[Any]:
    wanted = FlowRunFilter.model_validate(
        {
            "state": {"type": {"any_": list(WATCHED)}},
            "deployment_id": {"is_null_": False},
            "tags": {"all_": [TAG]},
        }
    )
    return list(client.read_flow_runs(flow_run_filter=wanted))


def _limit(client: Any, run: Any) -> float:
    """Seconds of silence after which a run is given up, by how often it was told to be heard."""
    if run.state.type.value == "PENDING":
        return PENDING_SECONDS
    try:
        settings = client.read_deployment(run.deployment_id).job_variables or {}
        return MISSED * float((settings.get("env") or {}).get(FREQUENCY) or DEFAULT_FREQUENCY)
    except (ObjectNotFound, ValueError):  # the deployment was deleted, or says what is no number
        return MISSED * DEFAULT_FREQUENCY


def _sign_of_life(client: Any, run: Any) -> str:
    """Names the last that the server heard of a run: its state, its newest event (heartbeats are events), its newest line."""
    if run.state.type.value == "PENDING":
        return str(run.state.id)
    of_run = {"order": "DESC", "resource": {"id": [f"prefect.flow-run.{run.id}"]}}
    answer = client.request("POST", "/events/filter", json={"limit": 1, "filter": of_run}).raise_for_status()
    lines = client.read_logs(
        LogFilter.model_validate({"flow_run_id": {"any_": [run.id]}}), limit=1, sort=LogSort.TIMESTAMP_DESC
    )
    newest = [e["id"] for e in answer.json()["events"]] + [str(line.timestamp) for line in lines]
    return " ".join([str(run.state.id), *newest])


def _give_up(client: Any, run: Any, quiet: float) -> str:
    """Ends a run that nothing is heard of; what was done in words, empty when it went on by itself."""
    state = client.read_flow_run(run.id).state
    if state.id != run.state.id:
        return ""
    kind, seconds = state.type.value, round(quiet)
    if kind == "CANCELLING":
        last = Cancelled(message=f"nothing was heard of its process for {seconds} s")
    elif kind == "PENDING":
        last = Crashed(message=f"a worker took it and did not begin it for {seconds} s")
    else:
        last = Crashed(message=f"nothing was heard of its process for {seconds} s: worker or machine ended")
    try:
        answer = client.set_flow_run_state(run.id, last)
        if answer.status.value != "ACCEPT":
            return ""
        again = kind == "PENDING" and _begin_again(client, run)
    except PrefectHTTPStatusError as error:
        log.info("%s cannot be given up: %s", run.name, str(error).partition(" for url")[0])
        return ""
    return f"{run.name}: {last.message}; it is {'begun again' if again else last.name}"


def _begin_again(client: Any, run: Any) -> bool:
    """Begins a run that never ran: the automation counts attempts by what ran, and would do this for ever."""
    crashes = sum(s.type.value == "CRASHED" for s in client.read_flow_run_states(run.id))
    if run.run_count or crashes >= ATTEMPTS:
        return False
    client.set_flow_run_state(run.id, AwaitingRetry(message="no worker began it"))
    return True
