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

import psutil

from tasks.git import home

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
        pass
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
    (home() / "draining").touch()
    _set_paused(True)


def _open_pool() -> None:
    if (home() / "draining").exists():
        _set_paused(False)
        (home() / "draining").unlink()


def _set_paused(paused: bool) -> None:
    """A server that is away must not keep a worker from stopping: then runs may begin until it has."""
    import httpx
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            client.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused))
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        log.warning("the work pool %s could not be %s: %s", POOL, "paused" if paused else "opened", error)
