"""Whom the watchdog gives up, on a real Prefect server and by a clock of the test's own."""

import contextvars
import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.settings import PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL as FLUSH_INTERVAL
from prefect.states import Cancelling, Pending, Running, Suspended

from tasks.run import watchdog
from tasks.run.watchdog import ATTEMPTS, DEFAULT_FREQUENCY, FREQUENCY, MISSED, PENDING_SECONDS, TAG, Watchdog
from tests.harness import prefect_harness

HEARD_SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    # A run's states become events, which are kept in batches: not after five seconds here.
    with temporary_settings({FLUSH_INTERVAL: 0.1}), prefect_harness():
        yield


@flow
def released() -> None:
    """Is never begun here."""


class Kennel:
    """A watchdog with a clock, and runs that are in any state."""

    def __init__(self, client: Any) -> None:
        self.client, self.dog, self.now = client, Watchdog(), 1000.0
        env = {FREQUENCY: "30"}
        self.deployment = client.create_deployment(
            client.create_flow(released), "d", tags=[TAG], job_variables={"env": env}
        )

    def run(self, *states: Any, tags: tuple[str, ...] = (TAG,)) -> Any:
        made = self.client.create_flow_run_from_deployment(self.deployment, tags=list(tags)).id
        for state in states:
            self.client.set_flow_run_state(made, state, force=True)
            self._is_heard(made, state.name)
        return made

    def _is_heard(self, run: Any, state: str) -> None:
        """Waits until the server can tell of it: what it tells later is a sign of life that nobody meant."""
        of_run = {"resource": {"id": [f"prefect.flow-run.{run}"]}, "event": {"name": [f"prefect.flow-run.{state}"]}}
        deadline = time.monotonic() + HEARD_SECONDS
        while not self._events(of_run):
            assert time.monotonic() < deadline, f"no event of {state}"
            time.sleep(0.05)

    def _events(self, wanted: dict[str, Any]) -> list[Any]:
        answer = self.client._client.post("/events/filter", json={"limit": 1, "filter": wanted})
        return answer.raise_for_status().json()["events"]

    def after(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.dog.look(self.client, self.now)

    def state(self, run: Any) -> str:
        return str(self.client.read_flow_run(run).state.name)

    def beat(self, run: Any, number: int) -> None:
        event = {
            "occurred": f"2026-01-01T00:00:{number:02d}Z",
            "event": "prefect.flow-run.heartbeat",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
            "id": f"00000000-0000-4000-8000-0000000000{number:02d}",
        }
        line = {"name": "n", "level": 20, "message": "m", "timestamp": event["occurred"], "flow_run_id": str(run)}
        self.client._client.post("/events", json=[event]).raise_for_status()
        self.client._client.post("/logs/", json=[line]).raise_for_status()


@pytest.fixture
def kennel(server: None) -> Iterator[Kennel]:
    with get_client(sync_client=True) as client:
        there = Kennel(client)
        yield there
        for run in client.read_flow_runs():
            client.delete_flow_run(run.id)


def test_a_run_of_which_three_heartbeats_do_not_come_is_crashed_once(kennel: Kennel) -> None:
    run = kennel.run(Running())
    assert kennel.after(0) == []
    assert kennel.after(89) == []
    assert kennel.state(run) == "Running"
    (told,) = kennel.after(2)
    assert "nothing was heard of its process for 91 s" in told
    assert kennel.state(run) == "Crashed"
    assert kennel.after(1000) == []


def test_a_run_that_is_heard_of_lives(kennel: Kennel) -> None:
    run = kennel.run(Running())
    for number in range(3):
        assert kennel.after(80) == []
        kennel.beat(run, number)
    assert kennel.state(run) == "Running"


def test_what_sleeps_or_waits_is_left_alone(kennel: Kennel) -> None:
    runs = [kennel.run(Running(), Suspended(timeout_seconds=9999)), kennel.run()]
    kennel.after(0)
    assert kennel.after(10_000) == []
    assert [kennel.state(run) for run in runs] == ["Suspended", "Scheduled"]


def test_runs_of_others_on_the_same_server_are_left_alone(kennel: Kennel) -> None:
    run = kennel.run(Running(), tags=())
    kennel.client._client.patch(f"/flow_runs/{run}", json={"tags": []})
    kennel.after(0)
    assert kennel.after(10_000) == []
    assert kennel.state(run) == "Running"


def test_a_server_that_was_away_makes_nobody_look_dead(kennel: Kennel) -> None:
    run = kennel.run(Running())
    kennel.after(0)
    kennel.dog.forget()
    assert kennel.after(600) == []
    assert kennel.state(run) == "Running"


def test_a_run_whose_deployment_is_gone_keeps_nobody_from_being_given_up(kennel: Kennel) -> None:
    run = kennel.run(Running())
    kennel.client.delete_deployment(kennel.deployment)
    kennel.deployment = kennel.client.create_deployment(
        kennel.client.create_flow(released), "other", tags=[TAG], job_variables={"env": {FREQUENCY: "30"}}
    )
    other = kennel.run(Running())
    kennel.after(0)
    assert len(kennel.after(91)) == 1
    assert (kennel.state(run), kennel.state(other)) == ("Running", "Crashed")
    assert len(kennel.after(MISSED * DEFAULT_FREQUENCY - 90)) == 1
    assert kennel.state(run) == "Crashed"


@pytest.mark.parametrize("frequency", ["", "often"])
def test_a_frequency_that_is_no_number_is_prefects_own(kennel: Kennel, frequency: str) -> None:
    kennel.deployment = kennel.client.create_deployment(
        kennel.client.create_flow(released), "d", tags=[TAG], job_variables={"env": {FREQUENCY: frequency}}
    )
    kennel.run(Running())
    kennel.after(0)
    assert kennel.after(91) == []
    assert len(kennel.after(MISSED * DEFAULT_FREQUENCY - 90)) == 1


def test_an_answer_that_is_not_prefects_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, stop = [], threading.Event()

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) == 3:
                stop.set()
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.01)
    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{proxy.server_port}/api"}):
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(watchdog.watch, stop), daemon=True).start()
            assert stop.wait(30)
        proxy.shutdown()


def test_a_cancelled_run_whose_worker_is_gone_ends_as_cancelled(kennel: Kennel) -> None:
    run = kennel.run(Running(), Cancelling())
    kennel.after(0)
    assert len(kennel.after(91)) == 1
    assert kennel.state(run) == "Cancelled"


def test_a_run_that_no_worker_begins_is_begun_again_three_attempts_in_all(kennel: Kennel) -> None:
    run = kennel.run(Pending())
    kennel.after(0)
    assert kennel.after(PENDING_SECONDS - 1) == []
    for attempt in range(1, ATTEMPTS + 1):
        (told,) = kennel.after(PENDING_SECONDS + 1)
        assert ("begun again" in told) == (attempt < ATTEMPTS)
        if attempt < ATTEMPTS:
            assert kennel.state(run) == "AwaitingRetry"
            kennel.client.set_flow_run_state(run, Pending(), force=True)
            kennel.after(0)
    assert kennel.state(run) == "Crashed"
