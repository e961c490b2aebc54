"""A small release.yaml as a dict, with what a test wants otherwise."""

from typing import Any


def settings(
    app: str = "/nowhere/app.git",
    gitops: str = "/nowhere/gitops.git",
    image: str = "registry.example.no/tiny/api",
    gitops_forge: dict[str, Any] | None = None,
    **sections: Any,
) -> dict[str, Any]:
    """`sections` replace whole sections."""
    return {
        "app": {"name": "tiny", "repository": app},
        "components": {"api": {"path": "api", "image": image, "run": {"port": 8080}}},
        "gitops": {
            "repository": gitops,
            "targets": {"api": [{"file": "{customer}/deployment.yaml", "path": "spec.image"}]},
            **({"forge": gitops_forge} if gitops_forge else {}),
        },
        "rings": [{"name": "all", "customers": "*"}],
        "rollout": {"url": "http://127.0.0.1:9/{customer}", "versions": {"api": "/version"}},
        **sections,
    }
