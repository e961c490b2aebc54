"""Following a run from outside, on a real Prefect server where no worker takes it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import yaml

from deployments import services
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
SLIPWAY = [sys.executable, "-m", "deployments"]


@pytest.fixture(scope="module")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the deployment `release/release` in a pool that nobody works for."""
    folder, port = tmp_path_factory.mktemp("prefect"), free_port(4310)
    with services.prefect_server(folder, port) as server:
        server.wait_ready()
        address = f"http://127.0.0.1:{port}/api"
        services.deploy(
            services.environment(
                PREFECT_HOME=str(folder), PREFECT_API_URL=address, SLIPWAY_PROJECT=str(ROOT), PYTHONPATH=str(ROOT)
            )
        )
        yield address


@pytest.fixture
def asked(prefect_api: str, tmp_path: Path) -> SimpleNamespace:
    """What the command line needs to ask that server for a release."""
    config = yaml.safe_load((ROOT / "tests" / "tasks" / "config" / "release.yaml").read_text())
    (tmp_path / "release.yaml").write_text(yaml.safe_dump(config))
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": prefect_api,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "SLIPWAY_CONFIG": str(tmp_path / "release.yaml"),
    }
    return SimpleNamespace(
        env=env, run=lambda *a: subprocess.run([*SLIPWAY, *a], env=env, capture_output=True, text=True, check=False)
    )


def test_an_interrupt_ends_the_following_and_names_the_run_that_goes_on(asked: SimpleNamespace) -> None:
    process = subprocess.Popen(
        [*SLIPWAY, "release", "1" * 40], env=asked.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    told = process.stdout.readline()  # comes once the server calls the run late
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "waits for a worker: `prefect worker start --pool slipway`" in told
    assert process.returncode == 130
    assert errors.strip() == f"no longer followed; the run goes on: {first.split(': ', 1)[1].strip()}"


def test_a_run_that_is_not_there_and_one_without_a_plan_are_two_answers(asked: SimpleNamespace) -> None:
    started = json.loads(asked.run("release", "2" * 40, "--no-wait", "--json").stdout)
    without = asked.run("plan", "--run", started["run"])
    assert (without.returncode, "has no plan" in without.stderr) == (1, True), without.stderr
    unknown = asked.run("plan", "--run", "12345678-1234-1234-1234-123456789012")
    assert (unknown.returncode, "there is no run 12345678" in unknown.stderr) == (1, True), unknown.stderr


def test_no_reuse_is_asked_of_the_run(asked: SimpleNamespace) -> None:
    def reuse(*options: str) -> bool:
        done = asked.run("release", "1" * 40, "--no-wait", "--json", *options)
        assert done.returncode == 0, done.stderr
        run = httpx.get(f"{asked.env['PREFECT_API_URL']}/flow_runs/{json.loads(done.stdout)['run']}").json()
        return run["parameters"]["request"]["reuse"]

    assert reuse("--no-reuse") is False
    assert reuse() is True
