"""What a run begins with ends no run: whatever cannot be tidied up stays, and is told."""

import os
import time
from pathlib import Path

import pytest

from tasks import containers
from tasks.config.model import Config
from tasks.run.sweep import remove_unused_images, sweep


@pytest.fixture
def config(docker_engine: object) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "swept", "repository": "/nowhere.git"},
            "components": {"api": {"path": "api", "image": "registry.invalid/swept/api", "run": {"port": 80}}},
            "gitops": {
                "repository": "/nowhere.git",
                "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]},
            },
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


@pytest.fixture
def old_log(slipway_home: Path) -> Path:
    """Output of long ago."""
    log = slipway_home / "logs" / "builds" / "api-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("built")
    os.utime(log, (time.time() - 400 * 86400,) * 2)
    return log


def test_old_output_and_what_an_earlier_attempt_left_are_removed(
    config: Config, old_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "swept-run")
    network = containers.engine().networks.create("slipway-swept", labels={"slipway.run": "swept-run"})
    sweep(config)
    remove_unused_images(config)
    assert not old_log.exists()
    assert containers.engine().networks.list(ids=[network.id]) == []


def test_what_cannot_be_removed_is_told_and_hides_nothing_else(
    config: Config, old_log: Path, slipway_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = slipway_home / "runs"
    runs.write_text("a file where a folder was expected")
    (slipway_home / "mirrors").mkdir()
    (slipway_home / "mirrors" / "broken").mkdir()
    sweep(config)
    assert not old_log.exists()
    assert "left behind" in caplog.text


def test_an_engine_that_is_away_ends_no_run_that_may_not_need_it(
    config: Config, old_log: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    containers.engine.cache_clear()
    try:
        sweep(config)
    finally:
        containers.engine.cache_clear()
    assert not old_log.exists()
    assert "no Docker Engine" in caplog.text
