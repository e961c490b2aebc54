"""Which crashed runs the automation begins again, on a real Prefect server; its pause is shorter here."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Running
from prefect.testing.utilities import prefect_test_harness

from deployments.server.automations import RETRY
from tasks.run.watchdog import TAG


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with prefect_test_harness(server_startup_timeout=120), get_client(sync_client=True) as client:
        trigger = RETRY.trigger.model_copy(update={"within": timedelta(seconds=10)})
        client.create_automation(RETRY.model_copy(update={"trigger": trigger}))
        yield client


@flow
def released() -> None:
    """Is never begun here."""


def test_a_crashed_run_is_begun_again_three_attempts_in_all_and_no_other_is(client: Any) -> None:
    deployment = client.create_deployment(client.create_flow(released), "d")

    def run(*states: Any, tags: tuple[str, ...] = (TAG,)) -> Any:
        made = client.create_flow_run_from_deployment(deployment, tags=list(tags)).id
        for state in states:
            assert client.set_flow_run_state(made, state).status.value == "ACCEPT"
        return made

    again = [Running(), Crashed(), AwaitingRetry()]
    first, second = run(Running(), Crashed()), run(*again, Running(), Crashed())
    third = run(*again, *again, Running(), Crashed())
    other, refused = run(Running(), Crashed(), tags=()), run(Running(), Failed())
    by_hand = run(Running(), Crashed(), AwaitingRetry(), Running(), Completed())

    def state(of: Any) -> str:
        return str(client.read_flow_run(of).state.name)

    deadline = time.monotonic() + 90
    while {state(first), state(second)} != {"AwaitingRetry"} and time.monotonic() < deadline:
        time.sleep(0.5)
    assert (state(first), state(second)) == ("AwaitingRetry", "AwaitingRetry")
    # Whatever else it would have begun again crashed at the same moment.
    time.sleep(6)
    assert [state(r) for r in (third, other, refused, by_hand)] == ["Crashed", "Crashed", "Failed", "Completed"]
