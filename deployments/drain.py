"""A worker that lets its runs end before it stops: Prefect's own kills them on SIGTERM and leaves them as Running.

On SIGTERM the work pool is paused, so that no run begins; when the last one has ended, the worker is stopped. The next
start opens the pool again, but only one that a stop has paused: a pool that a person paused stays paused.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from tasks.home import home

log = logging.getLogger(__name__)
POOL = "slipway"
LOOK_SECONDS = 1.0
# Between the pool's pause and the last run that the worker took before it.
SETTLE_SECONDS = 5.0
# A run of Prefect's process worker is a child whose command names one of these.
ENGINES = ("prefect.engine", "prefect.flow_engine", "_workspace_runtime_bootstrap")


def run_worker() -> int:
    """Runs the worker until it ends, or until this process is asked to stop and its runs have ended. Returns its exit code."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _open_pool()
    argv = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--with-healthcheck"]
    child = subprocess.Popen([sys.executable, "-m", *argv, "--name", socket.gethostname()])
    while child.poll() is None and not stop.wait(LOOK_SECONDS):
        _open_pool()  # again, where the server did not take it at once
    if child.poll() is None:
        _drain(child)
    return child.wait()


def _drain(child: "subprocess.Popen[bytes]") -> None:
    """Ends the worker once nothing runs, or after SLIPWAY_DRAIN_SECONDS."""
    limit = float(os.environ.get("SLIPWAY_DRAIN_SECONDS", "600"))
    _pause_pool()
    deadline, settled = time.monotonic() + limit, time.monotonic() + min(SETTLE_SECONDS, limit)
    while child.poll() is None and time.monotonic() < deadline:
        if not (left := runs_of(child.pid)) and time.monotonic() > settled:
            break
        log.info("stopping: %s runs still go on", left)
        time.sleep(LOOK_SECONDS)
    if left := runs_of(child.pid):
        log.warning("stopped after %g s with %s runs going on; they are picked up as crashed ones", limit, left)
    child.terminate()


def runs_of(worker: int) -> int:
    """How many runs are child processes of a worker."""
    try:
        children = psutil.Process(worker).children()
        return sum(any(engine in part for engine in ENGINES for part in _command(child)) for child in children)
    except psutil.NoSuchProcess:
        return 0


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _pause_pool() -> None:
    """The note comes first: a stop that is killed in between must not leave a pool paused that nobody opens."""
    if not _is_paused():
        (home() / "draining").touch()
        _set_paused(True)


def _open_pool() -> None:
    """Opens what a stop has paused, by its note, which stays until the server has taken that."""
    if (home() / "draining").exists() and _set_paused(False):
        (home() / "draining").unlink()


def _is_paused() -> bool:
    """Whether a person has paused the pool, or another worker's stop; False too when the server does not answer."""
    return any(_asked(lambda client: [client.read_work_pool(POOL).is_paused]))


def _set_paused(paused: bool) -> bool:
    """Whether the server took it. One that is away must not keep a worker from stopping: then runs may begin until it has."""
    from prefect.client.schemas.actions import WorkPoolUpdate

    return bool(_asked(lambda client: [client.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused)) or True]))


def _asked(question: Callable[[Any], list[bool]]) -> list[bool]:
    """What the server says; nothing where it says nothing."""
    import httpx
    from prefect import get_client
    from prefect.exceptions import PrefectException, PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            return question(client)
    except (httpx.HTTPError, PrefectHTTPStatusError, PrefectException) as error:
        log.warning("the work pool %s can be neither paused nor opened now: %s", POOL, error)
        return []
