"""A button that is pressed twice, and two people at once, on a real Prefect server: one answer counts, and both see which."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prefect import flow, get_client
from prefect.states import Suspended

from deployments.approve.page import router
from tasks.config.model import Config
from tasks.run.approval import form
from tasks.run.approval_link import link
from tests.harness import prefect_harness
from tests.reliability.world import config_for

PLAN = "0123456789ab"
KEY = f"suspended-all-{PLAN}-1-1"


@flow
def release() -> None:
    """Is never begun here."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "secret").write_text("s" * 32)
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True, exclude_unset=True)
    linked = {"by": ["kari", "ola"], "link": {"secret_file": str(tmp_path / "secret")}}
    return Config.model_validate(
        settings | {"approval": linked, "addresses": {"receiver": "https://slipway.example.no"}}
    )


@pytest.fixture
def run() -> Iterator[str]:
    """A run that sleeps for an answer, as Prefect keeps one."""
    with prefect_harness(), get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(release), "release")
        made = client.create_flow_run_from_deployment(deployment).id
        state: Any = Suspended(timeout_seconds=3600)
        state.state_details.run_input_keyset = {name: f"{KEY}-{name}" for name in ("schema", "description", "response")}
        client.set_flow_run_state(made, state, force=True)
        schema = form(("kari", "ola")).model_json_schema()
        schema["properties"]["plan_hash"]["default"] = PLAN
        for name, value in (("schema", schema), ("description", "May it move?")):
            client.create_flow_run_input(flow_run_id=made, key=f"{KEY}-{name}", value=json.dumps(value))
        client.create_artifact(_plan(made))
        yield str(made)


def _plan(run: Any) -> Any:
    from prefect.client.schemas.actions import ArtifactCreate

    return ArtifactCreate(key="plan", type="markdown", data="# Plan", flow_run_id=run)


def test_who_presses_again_or_too_late_sees_the_answer_that_counts(config: Config, run: str) -> None:
    app = FastAPI()
    app.include_router(router([config]))
    here = TestClient(app, follow_redirects=False)
    kari, ola = (urlsplit(str(link(config, run, "all", PLAN, name))).path for name in ("kari", "ola"))
    assert "May ring all move?" in here.get(kari).text
    for address, decision in ((kari, "approve"), (kari, "approve"), (ola, "reject")):
        answer = here.post(address, data={"decision": decision})
        assert (answer.status_code, answer.headers["location"]) == (303, address), answer.text
        assert "<strong>approved</strong> by <strong>kari</strong>" in here.get(address).text
