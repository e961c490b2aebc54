"""Which crashed runs the automation begins again, on a real Prefect server; its pause is shorter here.

The server has PostgreSQL, as in production: on SQLite a busy machine loses events ("database is locked")."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Running

from deployments import services
from deployments.server.automations import RETRY
from tasks.run.watchdog import TAG
from tests.databases import postgres
from tests.ports import free_port


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[Any]:
    folder, port = tmp_path_factory.mktemp("prefect"), free_port(4500)
    with (
        postgres() as database,
        services.prefect_server(folder, port, **database.settings) as server,
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}),
    ):
        server.wait_ready()
        with get_client(sync_client=True) as client:
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
