"""Who may still write, as the Prefect server has it."""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect import flow, get_client, task
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import AwaitingRetry, Cancelling, Crashed, Running

from tasks.run.going_on import require_going_on
from tests.harness import prefect_harness


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with (
        prefect_harness(),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


def written(*meanwhile: Any) -> tuple[list[str], Any]:
    """What a run writes that is set to these states between two writes, and the state it ends in."""
    done: list[str] = []

    @task
    def write(what: str) -> None:
        require_going_on()
        done.append(what)

    @flow
    def writes() -> None:
        write("first")
        with get_client(sync_client=True) as client:
            for state in meanwhile:
                assert client.set_flow_run_state(run.id, state).status.value == "ACCEPT"
        write("second")

    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(writes), "d")
        run = client.create_flow_run_from_deployment(deployment)
        try:
            run_flow(writes, flow_run=run, return_type="state")
        except BaseException as end:  # noqa: BLE001 - what ends a flow process
            assert type(end).__name__ == "Abort", end
        return done, client.read_flow_run(run.id).state


def test_a_run_that_goes_on_writes(server: None) -> None:
    done, state = written()
    assert (done, state.name) == (["first", "second"], "Completed")


def test_a_cancelled_run_writes_no_more_even_when_nobody_ends_its_process(server: None) -> None:
    done, state = written(Cancelling())
    assert (done, state.name) == (["first"], "Cancelled")


def test_a_run_that_was_given_up_writes_no_more_and_keeps_its_state(server: None) -> None:
    done, state = written(Crashed(message="nothing heard"))
    assert (done, state.name, state.message) == (["first"], "Crashed", "nothing heard")


def test_an_attempt_whose_place_another_one_has_taken_writes_no_more(server: None) -> None:
    done, state = written(Crashed(), AwaitingRetry(), Running())
    assert (done, state.name) == (["first"], "Running")


def test_outside_of_a_run_there_is_nothing_to_ask() -> None:
    require_going_on()
