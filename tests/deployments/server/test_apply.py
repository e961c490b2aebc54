"""`slipway server apply` on a real Prefect server, from nothing and from what somebody changed there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import services
from deployments.server import settings as server_settings
from deployments.server.automations import RETRY
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
SERVER = {
    "concurrency": {"lease_storage": "prefect.server.concurrency.lease_storage.filesystem"},
    "deployments": {"concurrency_slot_wait_seconds": 5},
    "services": {"triggers": {"enabled": True}, "scheduler": {"enabled": True}},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("prefect"), free_port(4370)
    with services.prefect_server(folder, port) as server:
        server.wait_ready()
        yield f"http://127.0.0.1:{port}/api"


@pytest.fixture
def apply(api: str, tmp_path: Path) -> Callable[..., Any]:
    config = yaml.safe_load((ROOT / "tests" / "tasks" / "config" / "release.yaml").read_text())
    (tmp_path / "release.yaml").write_text(yaml.safe_dump(config))
    given = {"PREFECT_API_URL": api, "PREFECT_HOME": str(tmp_path), "SLIPWAY_CONFIG": str(tmp_path / "release.yaml")}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), **given, **more}
        argv = [sys.executable, "-m", "deployments", "server", "apply", *arguments]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    return run


def done(apply: Callable[..., Any], *arguments: str) -> dict[str, str]:
    """Name -> what was done to it."""
    ended = apply("--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, str] = {}
    for c in json.loads(ended.stdout)["changes"]:
        what = f"{c['done']}: {c['because']}" if c["because"] else c["done"]
        told[c["name"]] = f"{told[c['name']]}; {what}" if c["name"] in told else what
    return told


def test_a_server_is_brought_to_what_is_needed_and_then_left_alone(api: str, apply: Callable[..., Any]) -> None:
    would = done(apply, "--dry-run")
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        assert client.read_deployments() == [], "a dry run changes nothing"
    first = done(apply)
    assert first == would
    assert {v.partition(":")[0] for v in first.values()} == {"created"}
    assert {"slipway", "release/release", "nightly/nightly", RETRY.name} <= set(first)
    assert set(done(apply).values()) == {"unchanged"}

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("release/release")
        client._client.patch(f"/deployments/{found.id}", json={"description": "mine", "tags": []}).raise_for_status()
        (automation,) = client.read_automations_by_name(RETRY.name)
        changed = RETRY.model_copy(update={"description": "mine", "enabled": False})
        client.create_automation(RETRY)
        client.update_automation(automation.id, changed)
    again = done(apply)
    assert again.pop("release/release") == "updated: description, tags"
    assert again.pop(RETRY.name) == (
        "removed: it was there twice; updated: description, is switched off: a crashed run stays as it is"
    )
    assert set(again.values()) == {"unchanged"}
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        (automation,) = client.read_automations_by_name(RETRY.name)
        assert client.read_deployment_by_name("release/release").tags == ["slipway"]
    assert (automation.description, automation.enabled) == (RETRY.description, False), "off is a person's decision"


def test_a_server_that_does_not_answer_is_named(apply: Callable[..., Any]) -> None:
    ended = apply(PREFECT_API_URL="http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES="0")
    assert ended.returncode == 3
    assert "the Prefect server does not answer" in ended.stderr
    assert "http://127.0.0.1:9/api" in ended.stderr
    assert apply(PREFECT_API_URL="").returncode == 3


@pytest.mark.parametrize(
    ("change", "blocking", "said"),
    [
        ({}, None, ""),
        ({"concurrency": {"lease_storage": server_settings.IN_MEMORY}}, True, "keeps leases in memory"),
        ({"services": {"triggers": {"enabled": False}, "scheduler": {"enabled": True}}}, True, "no automations"),
        ({"services": {"triggers": {"enabled": True}, "scheduler": {"enabled": False}}}, True, "schedules nothing"),
        ({"deployments": {"concurrency_slot_wait_seconds": 30}}, False, "up to 30 s after"),
    ],
)
def test_settings_that_break_releases_are_refused_and_slow_ones_told(
    change: dict[str, Any], blocking: bool | None, said: str
) -> None:
    found = [f for f in server_settings._settings({**SERVER, **change}) if f]
    assert [f.blocking for f in found] == ([] if blocking is None else [blocking])
    assert all(said in f.reason.what and f.reason.next_step for f in found)


def test_a_server_of_another_version_is_told() -> None:
    found = server_settings._version("3.9.1", "3.8.8")
    assert found is not None
    assert not found.blocking
    assert "3.9.1" in found.reason.what
