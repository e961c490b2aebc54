"""What the tests of this room speak of: customers' files, releases, a configuration."""

from typing import Any

from tasks.config.model import Config
from tasks.gitops.commit import commit_ring
from tasks.gitops.edit import edit_customers
from tasks.models import Edits, Image, Release, ReleaseRequest, RingCommit, RingPlan

NONE = "sha256:" + "0" * 64
KUSTOMIZATION = f"""\
# {{name}}: bigger database   (do not remove)
resources: [../../base]
images:
  - name: shop/backend      # the API
    newName: registry.example.no/shop/backend
    digest: "{NONE}"   # set by releases
  - {{{{name: shop/frontend, newName: registry.example.no/shop/frontend, digest: {NONE}}}}}
"""
VALUES = f"""\
backend:
  image: {{repository: registry.example.no/shop/backend, digest: '{NONE}'}}
frontend:
    replicas: 2
    image: registry.example.no/shop/frontend:v1@{NONE} # whole reference
"""


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def release_of(commit: str, number: int, head: str | None = "0001") -> Release:
    images = tuple(
        Image(
            component=c,
            repository=f"registry.example.no/shop/{c}",
            digest=digest(number),
            revision=commit,
            tree=commit,
            built=True,
            seconds=1,
        )
        for c in ("backend", "frontend")
    )
    return Release(commit=commit, subject=f"change {number}", images=images, head=head)


def config_for(app: str, gitops: str) -> Config:
    run = {"run": {"port": 80}}
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": app},
            "components": {
                c: {"path": c, "image": f"registry.example.no/shop/{c}", **run} for c in ("backend", "frontend")
            },
            "gitops": {
                "repository": gitops,
                "targets": {
                    "backend": [
                        {"file": "customers/{customer}/kustomization.yaml", "image": "shop/backend"},
                        {"file": "customers/{customer}/values.yaml", "path": "backend.image.digest"},
                    ],
                    "frontend": [
                        {"file": "customers/{customer}/kustomization.yaml", "image": "shop/frontend"},
                        {"file": "customers/{customer}/values.yaml", "path": "frontend.image"},
                    ],
                },
            },
            "rings": [{"name": "canary", "customers": ["fjord"]}, {"name": "all", "customers": "*", "approve": True}],
            "rollout": {"url": "https://{customer}.example.no", "versions": {"backend": "/api/version"}},
        }
    )


def edits_at(world: Any, tip: str, release: Release, *customers: str) -> Edits:
    return edit_customers(world.config, tip, release, customers)


def commit_of(
    world: Any,
    release: Release,
    edits: Edits,
    ring: str = "all",
    approve: bool = False,
    run: str = "run-1",
    written: str = "",
    **request: Any,
) -> RingCommit:
    """The ring's commit, as the release flow writes it; `written` is the time that the run has kept, if it kept one."""
    plan = RingPlan(name=ring, approve=approve, soak_seconds=0, promotions=edits.promotions)
    asked = ReleaseRequest(commit=release.commit, **request)
    times = {"Slipway-Written": written} if written else {}
    return commit_ring(world.config, asked, release, plan, edits, {"Slipway-Run": run, **times})
