"""What the tests of this room share: one release, two customers, and how clusters describe them.

The objects are as the published types have them; the contract servers refuse a field that is not described.
"""

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.config.model import Config
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.models import Image, Release

CONTRACTS = Path(__file__).parents[2] / "contracts"
OURS, OLDER, LATER, OTHER = "1a2b3c4" + "0" * 33, "0d" * 20, "2e" * 20, "3f" * 20
PLANNED, BEFORE = "sha256:" + "1f3a" * 16, "sha256:" + "9c07" * 16
REPOSITORY = "registry.example.no/shop/backend"
GITOPS = "https://git.example.no/shop/gitops.git"
TOKEN = "secret-of-the-tests"
SYNC_STARTED, SYNC_ENDED, AFTER_SYNC = "2026-11-24T12:02:50Z", "2026-11-24T12:03:05Z", "2026-11-24T12:03:06Z"
MINUTES = 30.0

RELEASE = Release(
    commit="c0" * 20,
    subject="s",
    head=None,
    images=(
        Image(
            component="backend",
            repository=REPOSITORY,
            digest=PLANNED,
            revision="c0" * 20,
            tree="d0" * 20,
            built=True,
            seconds=0,
        ),
    ),
)


def config_of(rollout: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": "/x"},
            "components": {"backend": {"path": "backend", "image": REPOSITORY, "run": {"port": 80}}},
            "gitops": {"repository": GITOPS, "targets": {"backend": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": rollout,
        }
    )


def carries(revision: str) -> bool:
    """LATER is a descendant with the same digests; OLDER and OTHER do not carry the release."""
    return revision in (OURS, LATER)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between looks of next to nothing, for tests in which a server's answers change from look to look."""
    monkeypatch.setattr("tasks.rollout.watch.FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr("tasks.rollout.watch.LONGEST_PAUSE_SECONDS", 0.01)


def served(stand_in: Callable[[], Any], token: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in with its server, and the variable `token` with what it asks for; nobody pauses."""
    hurry(monkeypatch)
    monkeypatch.setenv(token, TOKEN)
    made = stand_in()
    with made.server:
        yield made


def argocd_document() -> dict[str, Any]:
    return yaml.safe_load((CONTRACTS / "argocd.yaml").read_text())


def application(name: str = "shop-bre", **status: Any) -> dict[str, Any]:
    """An application that is synced to the release, healthy since, and runs it; `status` replaces parts of that."""
    source = {"repoURL": GITOPS, "targetRevision": "main", "path": "customers/bre"}
    good = {
        "sync": {"status": "Synced", "revision": OURS, "comparedTo": {"source": source}},
        "health": {"status": "Healthy", "lastTransitionTime": "2026-11-01T08:00:00Z"},
        "reconciledAt": AFTER_SYNC,
        "operationState": operation("Succeeded"),
        "summary": {"images": [f"{REPOSITORY}@{PLANNED}"]},
    }
    return {
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"project": "shop", "source": source, "syncPolicy": {"automated": {}}},
        "status": good | status,
    }


def operation(phase: str, revision: str = OURS, **more: Any) -> dict[str, Any]:
    ended = {} if phase == "Running" else {"finishedAt": SYNC_ENDED}
    result = {"syncResult": {"revision": revision}}
    return {"operation": {"sync": {}}, "phase": phase, "startedAt": SYNC_STARTED} | ended | result | more


def synced(revision: str, status: str = "Synced") -> dict[str, Any]:
    return application()["status"]["sync"] | {"revision": revision, "status": status}


def pod_node(image: str, owner: str = "ReplicaSet", reason: str = "Running") -> dict[str, Any]:
    info = [{"name": "Status Reason", "value": reason}]
    return {"kind": "Pod", "name": "p", "images": [image], "info": info, "parentRefs": [{"kind": owner, "name": "o"}]}


def kubernetes_document() -> dict[str, Any]:
    """Paths of Kubernetes 1.37 (api/openapi-spec/swagger.json, written by hand), schemas as published in a package.

    Flux's objects are custom resources; their schemas are in tests/contracts/flux.yaml.
    """
    folder = files("kubernetes_validate").joinpath("kubernetes-json-schema/v1.37.0-local")
    published = json.loads(folder.joinpath("_definitions.json").read_text().replace('"/api/_definitions.json#', '"#'))
    flux = yaml.safe_load((CONTRACTS / "flux.yaml").read_text())["components"]["schemas"]
    apps, core = "#/$defs/io.k8s.api.apps.v1.", "#/$defs/io.k8s.api.core.v1."
    paths: dict[str, Any] = {}
    for base, plural, schema in (
        ("/apis/apps/v1", "deployments", apps + "DeploymentList"),
        ("/apis/apps/v1", "statefulsets", apps + "StatefulSetList"),
        ("/apis/apps/v1", "daemonsets", apps + "DaemonSetList"),
        ("/api/v1", "pods", core + "PodList"),
    ):
        paths[f"{base}/{plural}"] = _get({"$ref": schema}, listing=True)
        paths[f"{base}/namespaces/{{namespace}}/{plural}"] = _get({"$ref": schema}, "namespace", listing=True)
    for base, plural, name in (
        ("/apis/kustomize.toolkit.fluxcd.io/v1", "kustomizations", "Kustomization"),
        ("/apis/helm.toolkit.fluxcd.io/v2", "helmreleases", "HelmRelease"),
    ):
        one = {"$ref": f"#/components/schemas/{name}"}
        many = {"type": "object", "properties": {"items": {"type": "array", "items": one}, "metadata": {}}}
        paths[f"{base}/{plural}"] = _get(many, listing=True)
        paths[f"{base}/namespaces/{{namespace}}/{plural}/{{name}}"] = _get(one, "namespace", "name")
    token = {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}}
    return {
        "openapi": "3.1.0",
        "security": [{"token": []}],
        "components": {"securitySchemes": token, "schemas": flux},
        "$defs": published["$defs"],
        "paths": paths,
    }


def _get(schema: dict[str, Any], *names: str, listing: bool = False) -> dict[str, Any]:
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    if listing:
        kinds = {"labelSelector": "string", "continue": "string", "limit": "integer"}
        parameters += [{"name": n, "in": "query", "schema": {"type": kind}} for n, kind in kinds.items()]
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}
    gateway = {"307": {"description": "not Kubernetes' own; a gateway before it may answer so"}}
    return {"get": {"parameters": parameters, "responses": answer | gateway}}


def deployment(namespace: str = "bre", **status: Any) -> dict[str, Any]:
    """Three replicas, all updated and available; `status` replaces parts of that."""
    good = {"observedGeneration": 5} | dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 3
    )
    return {
        "metadata": {"name": "backend", "namespace": namespace, "generation": 5},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "backend"}},
            "template": {
                "metadata": {"labels": {"app": "backend"}},
                "spec": {"containers": [{"name": "backend", "image": f"{REPOSITORY}@{PLANNED}"}]},
            },
        },
        "status": good | status,
    }


def pod(
    name: str = "backend-1",
    image_id: str = f"{REPOSITORY}@{PLANNED}",
    namespace: str = "bre",
    image: str = f"{REPOSITORY}:v2",
    **state: Any,
) -> dict[str, Any]:
    """A pod whose container runs; `state` replaces how it is, such as waiting={...}."""
    container = {"name": "backend", "image": image, "imageID": image_id, "ready": True, "restartCount": 0}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "backend"}},
        "spec": {"containers": [{"name": "backend", "image": image}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [container | {"state": state or {"running": {"startedAt": AFTER_SYNC}}}],
        },
    }


def condition(kind: str, status: str, reason: str, message: str = "", generation: int = 2) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SYNC_ENDED,
        "observedGeneration": generation,
    }


def kustomization(name: str = "shop-bre", spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A Kustomization that has applied the release and waited for it; `status` replaces parts of that."""
    good = {
        "observedGeneration": 2,
        "conditions": [condition("Ready", "True", "ReconciliationSucceeded", f"Applied revision: main@sha1:{OURS}")],
        "lastAppliedRevision": f"main@sha1:{OURS}",
        "lastAttemptedRevision": f"main@sha1:{OURS}",
    }
    usual = {"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "gitops"}, "wait": True}
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system", "generation": 2},
        "spec": usual | (spec or {}),
        "status": good | status,
    }


def snapshot(version: int, status: str) -> dict[str, Any]:
    digest = "sha256:" + "ab" * 32
    return {
        "digest": digest,
        "name": "shop",
        "namespace": "bre",
        "version": version,
        "status": status,
        "chartName": "shop",
        "chartVersion": "1.4.0",
        "configDigest": digest,
        "firstDeployed": SYNC_STARTED,
        "lastDeployed": SYNC_ENDED,
    }


def helm_release(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A HelmRelease that is upgraded to what it is told to be; `status` replaces parts of that."""
    good = {
        "observedGeneration": 2,
        "conditions": [
            condition("Ready", "True", "UpgradeSucceeded", "Helm upgrade succeeded for release bre/shop.v7"),
            condition("Released", "True", "UpgradeSucceeded", "Helm upgrade succeeded for release bre/shop.v7"),
        ],
        "history": [snapshot(7, "deployed"), snapshot(6, "superseded")],
    }
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "shop", "namespace": "bre", "generation": 2},
        "spec": {"interval": "10m"} | (spec or {}),
        "status": good | status,
    }


def assert_waits(stand_in: Any, *words: str, kind: type[SlipwayError] = ServiceUnavailable, **settings: Any) -> None:
    """The customer is not seen running the release, for these reasons; `stand_in` is what `verify` asks."""
    with pytest.raises(SlipwayError) as caught:
        stand_in.verify(**settings)
    assert type(caught.value) is kind
    for word in ("bre: ", *words):
        assert word in str(caught.value)
