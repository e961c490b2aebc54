"""The command line at a real terminal: questions and their answers, widths, colours, and Ctrl-C."""

import json
import re
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.settings import get_current_settings
from prefect.states import Suspended

from deployments.approve.command import answered
from tasks.run.approval import form
from tests.harness import prefect_harness
from tests.program import slipway as program
from tests.terminal import slipway

PLAN = "0123456789ab"
KEY = f"suspended-all-{PLAN}-1-1"


@flow
def release() -> None:
    """Is never begun here."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with prefect_harness():
        yield str(get_current_settings().api.url)


@pytest.fixture
def run(server: str) -> str:
    """A run that sleeps for an answer, as Prefect keeps one."""
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(release), "release")
        made = client.create_flow_run_from_deployment(deployment).id
        state: Any = Suspended(timeout_seconds=3600)
        state.state_details.run_input_keyset = {name: f"{KEY}-{name}" for name in ("schema", "description", "response")}
        client.set_flow_run_state(made, state, force=True)
        schema = form(()).model_json_schema()
        schema["properties"]["plan_hash"]["default"] = PLAN
        for name, value in (("schema", schema), ("description", "May it move?")):
            client.create_flow_run_input(flow_run_id=made, key=f"{KEY}-{name}", value=json.dumps(value))
        client.create_artifact(ArtifactCreate(key="plan", type="markdown", data="# The plan", flow_run_id=made))
    return str(made)


def ask(server: str, *arguments: str) -> Any:
    return slipway(*arguments, "--by", "kari", PREFECT_API_URL=server)


@pytest.mark.parametrize(("command", "done"), [("approve", "approved"), ("reject", "rejected")])
def test_the_plan_is_shown_and_a_yes_is_sent_once(server: str, run: str, command: str, done: str) -> None:
    with ask(server, command, run, "--note", "looks right") as terminal:
        terminal.see(f"{command} plan {PLAN} of ring all as kari? [y/N]: ")
        assert terminal.shown.index("# The plan") < terminal.shown.index("May it move?")
        terminal.type("y\r")
        assert terminal.end() == 0
    assert f"ring all, plan {PLAN}: {done} by kari: " in terminal.shown
    sent = answered(run, "all", PLAN)
    assert sent and (sent.decision, sent.by, sent.note) == (command, "kari", "looks right")
    with ask(server, command, run, "--yes") as again:
        assert again.end() == 1
    assert "waits for nobody's answer" in again.shown


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        ("n\r", 1, "nothing was sent; the run still waits"),
        ("\r", 1, "nothing was sent; the run still waits"),
        ("perhaps\rn\r", 1, "nothing was sent; the run still waits"),
        ("\x03", 130, "interrupted"),
        ("\x04", 130, "interrupted"),
    ],
)
def test_without_a_yes_nothing_is_sent(server: str, run: str, typed: str, code: int, told: str) -> None:
    with ask(server, "approve", run) as terminal:
        terminal.see("[y/N]: ")
        time.sleep(
            0.5
        )  # a signal between the prompt and the reading is seen with the next key only, and nobody is that quick
        terminal.type(typed)
        assert terminal.end() == code
    assert told in terminal.shown
    assert "Traceback" not in terminal.shown
    assert answered(run, "all", PLAN) is None


def test_a_release_is_asked_for_with_the_gates_that_it_passes(server: str, shop: SimpleNamespace) -> None:
    words = [
        "--override",
        "freeze",
        "--override",
        "e2e",
        "--override",
        "e2e",
        "--reason",
        " customers wait ",
        "--by",
        "kari",
    ]
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(release), "release")
        done = program("release", *words, "--no-wait", "--json", **shop.env, PREFECT_API_URL=server)
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        asked = client.read_flow_run(told["run"]).parameters["request"]
    assert list(told) == ["run", "url", "commit", "state", "message"]
    given = {"reason": "customers wait", "by": "kari"}
    assert asked["overrides"] == [{"gate": gate, **given} for gate in ("freeze", "e2e")]
    assert (asked["commit"], asked["reuse"]) == (shop.commit, True)


def test_ctrl_c_ends_the_following_and_says_that_the_run_goes_on(server: str, shop: SimpleNamespace) -> None:
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(release), "release")
    with slipway("release", **shop.env, PREFECT_API_URL=server) as terminal:
        terminal.see(f"release {shop.commit[:7]}: ")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "no longer followed; the run goes on: " in terminal.shown


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_long_and_wide_names_stay_within_the_terminal(shop: SimpleNamespace, columns: int) -> None:
    shop.gitops.commit({"a-customer-whose-name-is-as-long-as-a-name-may-be-here.yaml": "image: [1]\n"})
    with slipway("status", columns=columns, **shop.env) as terminal:
        assert terminal.end() == 0
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2] for line in seen.splitlines()]
    long = [line for line in lines if len(line) > columns and " " in line.strip()]
    assert long == []


def test_a_usage_error_is_as_plain_in_a_terminal(shop: SimpleNamespace) -> None:
    with slipway("stats") as terminal:
        assert terminal.end() == 2
    assert "no such command 'stats'. Did you mean 'status'?\x1b[0m\r\n  where: slipway\r\n" in terminal.shown
