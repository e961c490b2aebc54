"""Whether this run may still write: not when somebody cancelled it, nor when another attempt has taken its place.

A cancelled run's process is ended by its worker. A worker that was killed ends nothing, and a run that was given up while
its process only could not be heard is begun anew: both would write what nobody wants any more.
"""

import logging
from typing import Any
from uuid import UUID

import httpx
import stamina
from prefect import get_client
from prefect.exceptions import Abort, PrefectHTTPStatusError
from prefect.runtime import flow_run as this_run
from prefect.states import Cancelled

from tasks.errors import ReleaseRefused

log = logging.getLogger(__name__)
WAIT_SECONDS = 300.0
AWAY = (httpx.HTTPError, PrefectHTTPStatusError)


def require_going_on() -> None:
    """Returns when the server has this attempt of this run as running; asked before each write.

    Raises Prefect's `Abort`, which ends the process and leaves the run's state to whoever set it. A server that does not
    answer is waited for, five minutes at most, and then `ReleaseRefused`: a write after Cancel is worse than one that comes late.
    """
    if not this_run.id:
        return
    try:
        for attempt in stamina.retry_context(on=AWAY, attempts=None, timeout=WAIT_SECONDS, wait_max=10):
            with attempt, get_client(sync_client=True) as client:
                _require(client, client.read_flow_run(UUID(str(this_run.id))))
    except AWAY as error:
        raise ReleaseRefused.because(
            f"the Prefect server has not answered for {WAIT_SECONDS:.0f} s, so nothing is written: {error}",
            "before a write",
            "see to the server, then retry this run",
        ) from error


def _require(client: Any, now: Any) -> None:
    name = now.state.name or ""
    if now.state.is_running() and now.run_count == this_run.run_count:
        return
    if now.state.is_running():
        raise Abort(f"attempt {this_run.run_count} stops: attempt {now.run_count} of this run has taken its place")
    if now.state.type.value == "CANCELLING":
        client.set_flow_run_state(now.id, Cancelled(message="stopped before it wrote anything more"))
    log.warning("the run is %s: nothing more is written", name)
    raise Abort(f"the run is {name}")
