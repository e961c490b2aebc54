"""An app of one component whose suites are given by each test."""

from typing import Any

from tasks.config.model import Config
from tasks.models import SuiteResult
from tasks.suites.unit import run_suite

IMAGE = "python:3.13-slim"


def configured(repository: str = "app", host_suites: bool = False, **suites: dict[str, Any]) -> Config:
    """A configuration with these suites of the component `api`."""
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": repository},
            "components": {
                "api": {"path": "api", "image": "registry.example/api", "run": {"port": 80}, "suites": suites}
            },
            "gitops": {"repository": "gitops", "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
            "policy": {"host_suites": host_suites},
        }
    )


def run(command: str, image: str = IMAGE, **settings: Any) -> SuiteResult:
    """One suite in a container of the real Engine, from a base image; once, unless it is told otherwise."""
    return run_suite(configured(unit={"run": command, "retries": 0, **settings}), "api", "unit", image, "")
