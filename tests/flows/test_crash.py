"""Things are killed in the middle of a release, on a server and workers of these tests; the release ends right by itself."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from prefect.states import AwaitingRetry

from deployments import services
from deployments.server import apply as server
from tasks.failpoints import VARIABLE
from tasks.run.watchdog import Watchdog
from tests.flows import test_rings
from tests.flows.servers import start_servers
from tests.flows.test_release import until
from tests.reliability.size import LARGE

pytestmark = pytest.mark.slow
small = test_rings.small
AWAY_SECONDS = 30
ONCE = ["ring all (2 customers)", "ring canary (1 customer)", "customers"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[SimpleNamespace]:
    """With what `slipway server apply` makes there; nobody works yet."""
    with ExitStack() as stack:
        started = start_servers(stack, tmp_path_factory.mktemp("killed"), (4400, 5300))
        server.apply()
        yield started


@pytest.fixture
def work(small: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a worker whose releases wait, or die, at a named place; in `tmp_path` it is noted that one did."""
    with ExitStack() as stack:

        def begin(place: str = "", action: str = "wait", always: bool = False) -> Any:
            setting = f"{place}={action}" + ("" if always else f"@{tmp_path}")
            env = {**small.servers.env, **({VARIABLE: setting} if place else {})}
            worker = stack.enter_context(services.worker(env, tmp_path))
            worker.wait_ready()
            return worker

        yield begin


def processes(run: Any) -> list[psutil.Process]:
    """The flow processes of a run, not their children."""
    return [
        process
        for process in psutil.process_iter(["environ", "cmdline"])
        if (process.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID") == str(run)
        and any("prefect" in part for part in process.info["cmdline"] or ())
    ]


def kill_flow(run: Any) -> None:
    for process in processes(run):
        process.kill()


def reached(folder: Path, place: str) -> None:
    assert until(lambda: (folder / place.replace(":", "-")).exists(), 180), f"{place} was not reached"


def attempts(run: Any) -> int:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return int(client.read_flow_run(run).run_count)


def running(run: Any) -> bool:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
        return bool(state and state.is_running())


def moved(product: Any) -> list[str]:
    return [subject.split(" to ")[-1] for _, subject in product.history()]


def heartbeats(run: Any, since: str) -> int:
    """How many the server has had of a run since a moment."""
    from prefect import get_client

    wanted = {"resource": {"id": [f"prefect.flow-run.{run}"]}, "event": {"name": ["prefect.flow-run.heartbeat"]}}
    with get_client(sync_client=True) as client:
        events = client._client.post("/events/filter", json={"limit": 50, "filter": wanted}).json()["events"]
    return sum(e["occurred"] > since for e in events)


def ends(product: Any, run: Any) -> Any:
    """The last state of a run that begins again after a crash."""
    assert until(lambda: product.wait(run).name != "Crashed", 240), "it was not begun again"
    return product.wait(run)


def given_up(product: Any, run: Any) -> None:
    """What `slipway serve` does when three heartbeats have not come, done at once; the run begins again."""
    from prefect import get_client

    dog = Watchdog()
    with get_client(sync_client=True) as client:
        dog.look(client, 0)
        assert dog.look(client, 89) == []
        (told,) = dog.look(client, 91)
    assert "nothing was heard of its process" in told
    if not LARGE:  # what the automation does a minute later; tests/deployments/server/test_automations.py
        product.set_state(run, AwaitingRetry())


def test_a_killed_flow_process_is_begun_again_and_nothing_is_written_twice(
    small: Any, work: Callable, tmp_path: Path
) -> None:
    work("ring:committed")
    run = small.start(small.first)
    reached(tmp_path, "ring:committed")
    kill_flow(run)
    assert ends(small, run).name == "Completed"
    assert (moved(small), attempts(run)) == (ONCE, 2)


@pytest.mark.parametrize("end", ["the machine dies", "the worker is stopped"])
def test_a_run_that_nobody_can_tell_of_is_found_and_begun_again(
    small: Any, work: Callable, tmp_path: Path, end: str
) -> None:
    worker = work("push:after")
    run = small.start(small.first)
    reached(tmp_path, "push:after")
    if end == "the machine dies":
        os.killpg(worker.process.pid, signal.SIGKILL)
        kill_flow(run)
    else:
        worker.process.terminate()
    worker.process.wait(30)
    assert until(lambda: not processes(run), 30)
    given_up(small, run)
    work()
    assert ends(small, run).name == "Completed"
    assert (moved(small), attempts(run)) == (ONCE, 2)


def test_a_worker_that_is_killed_takes_no_release_along(small: Any, work: Callable) -> None:
    small.configure(rings=[{"name": "canary", "customers": ["fjord"], "soak": 6}, {"name": "all", "customers": "*"}])
    worker = work()
    run = small.start(small.first)
    assert until(lambda: ("soak of ring canary begins", "Completed") in small.steps(run), 240)
    worker.process.kill()
    assert small.wait(run).name == "Completed"
    assert (moved(small), attempts(run)) == (ONCE, 1)


def test_a_server_that_is_killed_and_comes_back_loses_no_release(small: Any, work: Callable) -> None:
    from prefect import get_client

    servers = small.servers
    soak = 90 if LARGE else 20  # long enough for two heartbeats
    small.configure(rings=[{"name": "canary", "customers": ["fjord"], "soak": soak}, {"name": "all", "customers": "*"}])
    work()
    run = small.start(small.first)
    assert until(lambda: ("soak of ring canary begins", "Completed") in small.steps(run), 240)
    os.killpg(servers.prefect.process.pid, signal.SIGKILL)
    servers.prefect.process.wait(10)
    servers.prefect = servers.stack.enter_context(
        services.prefect_server(servers.folder / "prefect", servers.port, **servers.database.settings)
    )
    servers.prefect.wait_ready()
    back = datetime.now(UTC).isoformat()
    assert small.wait(run).name == "Completed"
    assert not LARGE or heartbeats(run, back), "the watchdog would take it for dead"
    assert (moved(small), attempts(run)) == (ONCE, 1)
    with get_client(sync_client=True) as client:
        limit = client.read_deployment_by_name("release/release").global_concurrency_limit
    assert limit.active_slots == 0, "the next release may begin"


def test_a_database_that_is_stopped_and_comes_back_loses_no_release(small: Any, work: Callable) -> None:
    small.configure(rings=[{"name": "canary", "customers": ["fjord"], "soak": 10}, {"name": "all", "customers": "*"}])
    work()
    run = small.start(small.first)
    assert until(lambda: ("soak of ring canary begins", "Completed") in small.steps(run), 240)
    small.servers.database.away(AWAY_SECONDS)  # the next ring would begin meanwhile
    assert until(lambda: services.answers(f"http://127.0.0.1:{small.servers.port}/api/ready"), 60)
    assert until(lambda: not processes(run), 240), "it has neither ended nor gone on"
    if running(run):  # a step's end could not be told, so its process has ended, and the worker could not tell that
        given_up(small, run)
    assert ends(small, run).name == "Completed"
    assert moved(small) == ONCE
