"""A GitOps repository with kustomize and Helm customers, an app repository, and releases of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest_gitops import KUSTOMIZATION, VALUES, config_for  # noqa: E402


@pytest.fixture
def world(repository: Callable) -> SimpleNamespace:
    """Three customers (fjord and bre by kustomize, dal by Helm values) and an app with three commits."""
    app, gitops = repository("app"), repository("gitops")
    commits = [app.commit({"backend/a": str(n), "frontend/a": "1"}, f"change {n}") for n in range(3)]
    gitops.commit(
        {
            "customers/fjord/kustomization.yaml": KUSTOMIZATION.format(name="fjord"),
            "customers/bre/kustomization.yaml": KUSTOMIZATION.format(name="bre"),
            "customers/dal/values.yaml": VALUES,
            "README.md": "hands off\n",
        },
        "customers",
    )
    config = config_for(app.url, gitops.url)
    from tasks.git import Mirror

    Mirror.open(app.url).fetch("main")
    return SimpleNamespace(app=app, gitops=gitops, commits=commits, config=config)
