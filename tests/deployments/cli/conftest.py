"""An app, its GitOps repository and its settings, for commands that need no server."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

NONE = "sha256:" + "0" * 64


@pytest.fixture
def shop(repository: Callable, tmp_path: Path) -> SimpleNamespace:
    """An app, a GitOps repository with two customers, and release.yaml; no server anywhere."""
    app, gitops = repository("app"), repository("gitops")
    commit = app.commit({"api/main.py": "1"}, "First")
    gitops.commit({f"{c}.yaml": f"image: {NONE}\n" for c in ("bre", "fjord")})
    config = tmp_path / "release.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "app": {"name": "shop", "repository": app.url},
                "components": {"api": {"path": "api", "image": "127.0.0.1:1/shop/api", "run": {"port": 80}}},
                "gitops": {
                    "repository": gitops.url,
                    "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]},
                },
                "rings": [{"name": "all", "customers": "*"}],
                "rollout": {"url": "http://127.0.0.1:1", "versions": {"api": "/version"}},
            }
        )
    )
    return SimpleNamespace(app=app, gitops=gitops, commit=commit, config=config, env={"SLIPWAY_CONFIG": str(config)})
