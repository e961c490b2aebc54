"""Situations of builds: an app of one component with a repository in the real registry."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.config.model import Config
from tasks.models import ComponentChange, ReleaseRequest, Source
from tasks.source import content
from tasks.source.checkout import check_out

DOCKERFILE = "FROM python:3.13-slim AS test\nCOPY main.py .\nFROM test\nARG COMMIT\nENV COMMIT=$COMMIT\n"


def change_of(config: Config, source: Source) -> ComponentChange:
    """The component's content, as if its base image had this digest."""
    key = content.keys(source, content.made_of(config, source), {"python:3.13-slim": "sha256:" + "b" * 64})["api"]
    return ComponentChange(name="api", tree=source.trees["api"], key=key, changed=True)


@pytest.fixture
def app(repository: Callable, registry_address: str, tmp_path: Path) -> SimpleNamespace:
    """An app of one component; `configured(build=...)` is its configuration with other settings."""
    app, image = repository("app"), f"{registry_address}/{tmp_path.name.lower().strip('_').replace('_', '-')}"
    config = Config.model_validate(
        {
            "app": {"name": "shop", "repository": app.url},
            "components": {"api": {"path": "api", "image": image, "run": {"port": 80}}},
            "gitops": {"repository": app.url, "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )

    def push(**files: str) -> tuple[Source, ComponentChange]:
        commit = app.commit({f"api/{k.replace('_', '.')}": v for k, v in {"Dockerfile": DOCKERFILE, **files}.items()})
        source = check_out(config, ReleaseRequest(commit=commit))
        return source, change_of(config, source)

    def configured(image: str = image, **build: Any) -> Config:
        component = {"path": "api", "image": image, "build": build, "run": {"port": 80}}
        return Config.model_validate(config.model_dump(mode="json", by_alias=True) | {"components": {"api": component}})

    return SimpleNamespace(config=config, configured=configured, push=push, image=image, work=app.work, repository=app)
