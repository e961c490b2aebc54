"""Flux: a customer passes when its Kustomization has applied the release, is ready, and its HelmReleases are.

Flux cannot run here. Its objects were tried against tests/contracts/flux.yaml only, by the official Kubernetes client.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError, Superseded
from tasks.rollout.flux_status import commit_of
from tasks.rollout.synced import Carries
from tasks.rollout.verify import verify_customer, verify_customers
from tests.contracts import Answer, ContractServer, Request, Response
from tests.tasks.rollout.situations import (
    BEFORE,
    LATER,
    MINUTES,
    OLDER,
    OTHER,
    OURS,
    PLANNED,
    RELEASE,
    REPOSITORY,
    assert_waits,
    carries,
    condition,
    config_of,
    deployment,
    helm_release,
    kubernetes_document,
    kustomization,
    pod,
    served,
    snapshot,
)

DOCUMENT = kubernetes_document()


class Flux:
    """Flux's objects of a customer; those in a list follow each other from look to look, the last one stays."""

    def __init__(self) -> None:
        self.kustomizations = [kustomization()]
        self.releases = [helm_release()]
        self.workloads = {"deployments": [deployment()], "pods": [pod()]}
        self.server = ContractServer(DOCUMENT, self.answer)

    def answer(self, request: Request) -> Answer:
        plural = request.operation.removesuffix("/{name}").rpartition("/")[2]
        if plural in self.workloads:
            return Response(200, {"items": self.workloads[plural], "metadata": {}})
        things = self.kustomizations if plural == "kustomizations" else self.releases
        if not request.path_parameters:
            return Response(200, {"items": things, "metadata": {}})
        if not things:
            return Response(404, {"kind": "Status", "message": "not found", "code": 404})
        return Response(200, things.pop(0) if len(things) > 1 else things[0])

    def rollout(self, timeout: float = 0, kubernetes: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
        return {
            "verify": "flux",
            "timeout": timeout,
            "cluster": {"server": self.server.url, "token_env": "KUBE_TOKEN"},
            "flux": {"kustomization": "shop-{customer}"} | settings,
            "kubernetes": kubernetes,
        }

    def verify(self, timeout: float = 0, carries: Carries = carries, **settings: Any) -> dict[str, str]:
        return verify_customer(config_of(self.rollout(timeout, **settings)), RELEASE, "bre", OURS, carries)


HELM: dict[str, Any] = {"helm_releases": ["shop"]}
PODS: dict[str, Any] = {"kubernetes": {"workloads": {"backend": {"name": "backend"}}}}


@pytest.fixture
def flux(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flux]:
    yield from served(Flux, "KUBE_TOKEN", monkeypatch)


def test_applied_and_ready_is_seen(flux: Flux) -> None:
    assert flux.verify() == {"backend": PLANNED}
    assert flux.verify(**HELM) == {"backend": PLANNED}


@pytest.mark.parametrize(
    ("revision", "commit"),
    [
        (f"main@sha1:{OURS}", OURS),
        (f"sha1:{OURS}", OURS),
        (f"main/{OURS}", OURS),
        (f"feature/x@sha1:{OURS}", OURS),
        (OURS, OURS),
        (f"v1@sha256:{'a' * 64}", ""),
        (f"main@sha1:{OURS[:39]}", ""),
        ("1.2.3", ""),
        (None, ""),
    ],
)
def test_the_commit_is_read_out_of_every_form_of_revision(revision: str | None, commit: str) -> None:
    assert commit_of(revision) == commit


def test_a_descendant_that_carries_the_digests_passes(flux: Flux) -> None:
    flux.kustomizations = [kustomization(lastAppliedRevision=f"main@sha1:{LATER}")]
    assert flux.verify() == {"backend": PLANNED}


def test_an_artifact_of_a_registry_tells_its_commit_by_its_origin(flux: Flux) -> None:
    artifact = f"v1@sha256:{'a' * 64}"
    flux.kustomizations = [kustomization(lastAppliedRevision=artifact, lastAppliedOriginRevision=f"main@sha1:{OURS}")]
    assert flux.verify() == {"backend": PLANNED}


def test_a_descendant_that_does_not_carry_them_is_superseded_by_name(flux: Flux) -> None:
    def asked(revision: str) -> bool:
        raise Superseded.because(revision)

    flux.kustomizations = [kustomization(lastAppliedRevision=f"main@sha1:{OTHER}")]
    assert_waits(flux, "superseded", OTHER, kind=Superseded, carries=asked, timeout=MINUTES)


def test_an_older_revision_is_waited_for_and_the_attempt_is_told(flux: Flux) -> None:
    trying = kustomization(
        lastAppliedRevision=f"main@sha1:{OLDER}",
        conditions=[condition("Ready", "Unknown", "Progressing", "Reconciliation in progress")],
    )
    flux.kustomizations = [trying, kustomization()]
    assert flux.verify(MINUTES) == {"backend": PLANNED}
    flux.kustomizations = [trying]
    assert_waits(
        flux, f"has applied {OLDER[:7]}, which does not carry this release, tries 1a2b3c4, Ready Unknown since"
    )


@pytest.mark.parametrize("reason", ["HealthCheckFailed", "BuildFailed", "DependencyNotReady", "ArtifactFailed"])
def test_ready_false_is_told_and_waited_out(flux: Flux, reason: str) -> None:
    bad = kustomization(conditions=[condition("Ready", "False", reason, "Deployment/bre/backend status: 'Failed'")])
    flux.kustomizations = [bad, kustomization()]
    assert flux.verify(MINUTES) == {"backend": PLANNED}
    flux.kustomizations = [bad]
    assert_waits(flux, f"applied 1a2b3c4, Ready False since 2026-11-24T12:03:05Z ({reason}: Deployment/bre/backend")


def test_a_controller_behind_the_newest_specification_does_not_pass(flux: Flux) -> None:
    flux.kustomizations = [kustomization(observedGeneration=1)]
    assert_waits(flux, "its controller has seen generation 1 of 2")


def test_a_ready_of_an_older_specification_does_not_pass(flux: Flux) -> None:
    flux.kustomizations = [
        kustomization(conditions=[condition("Ready", "True", "ReconciliationSucceeded", generation=1)])
    ]
    assert_waits(flux, "its controller has seen")


def test_a_suspended_kustomization_is_named_and_ends_the_wait(flux: Flux) -> None:
    flux.kustomizations = [kustomization(spec={"suspend": True}, lastAppliedRevision=f"main@sha1:{OLDER}")]
    assert_waits(flux, "Kustomization flux-system/shop-bre is suspended", kind=ReleaseRefused, timeout=MINUTES)


def test_suspended_after_the_release_was_applied_passes(flux: Flux) -> None:
    flux.kustomizations = [kustomization(spec={"suspend": True})]
    assert flux.verify() == {"backend": PLANNED}


def test_a_stalled_kustomization_ends_the_wait(flux: Flux) -> None:
    stalled = condition("Stalled", "True", "InvalidCELExpression", "bad expression")
    bad = condition("Ready", "False", "InvalidCELExpression", "bad expression")
    flux.kustomizations = [kustomization(conditions=[bad, stalled], lastAppliedRevision=f"main@sha1:{OLDER}")]
    assert_waits(flux, "is stalled, InvalidCELExpression: bad expression", kind=ReleaseRefused, timeout=MINUTES)


def test_a_reconciliation_that_was_asked_for_and_not_begun_is_told(flux: Flux) -> None:
    asked = kustomization(lastAppliedRevision=f"main@sha1:{OLDER}", lastHandledReconcileAt="11:00")
    asked["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "12:00"}
    flux.kustomizations = [asked]
    assert_waits(flux, "the reconciliation asked for at 12:00 has not been handled")


def test_ready_without_health_checks_says_too_little(flux: Flux) -> None:
    flux.kustomizations = [kustomization(spec={"wait": False})]
    assert_waits(flux, "without having looked", "wait: true", kind=ReleaseRefused, timeout=MINUTES)
    flux.kustomizations = [kustomization(spec={"wait": False, "healthChecks": [{"kind": "Deployment"}]})]
    assert flux.verify() == {"backend": PLANNED}
    flux.kustomizations = [kustomization(spec={"wait": False})]
    assert flux.verify(**PODS) == flux.verify(**HELM) == {"backend": PLANNED}


def test_pods_are_looked_at_after_flux_where_they_are_described(flux: Flux) -> None:
    flux.workloads["pods"] = [pod(image_id=f"{REPOSITORY}@{BEFORE}")]
    assert_waits(flux, "applied 1a2b3c4, Ready; backend: pod backend-1 runs sha256:9c079c07…", **PODS)


def test_pods_are_not_looked_at_before_flux_is_ready(flux: Flux) -> None:
    flux.kustomizations = [kustomization(lastAppliedRevision=f"main@sha1:{OLDER}")]
    assert_waits(flux, "does not carry", **PODS)
    assert not [r for r in flux.server.requests if r.operation.endswith("pods")]


def failed_upgrade(*more: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    ready = condition("Ready", "False", "UpgradeFailed", "Helm upgrade failed: timed out waiting for the condition")
    return helm_release(conditions=[ready, *more], history=history, upgradeFailures=1)


def test_a_failed_upgrade_with_tries_left_is_waited_out(flux: Flux) -> None:
    bad = failed_upgrade(history=[snapshot(7, "failed"), snapshot(6, "deployed")])
    flux.releases = [bad, helm_release()]
    assert flux.verify(MINUTES, **HELM) == {"backend": PLANNED}
    flux.releases = [bad]
    assert_waits(flux, "newest release v7 of chart 1.4.0 is failed, Ready False", "timed out waiting", **HELM)


def test_a_release_that_was_rolled_back_does_not_pass(flux: Flux) -> None:
    back = condition("Remediated", "True", "RollbackSucceeded", "Helm rollback to shop.v6 succeeded")
    flux.releases = [
        failed_upgrade(back, history=[snapshot(8, "deployed"), snapshot(7, "failed"), snapshot(6, "superseded")])
    ]
    assert_waits(flux, "was put back: v7 failed and RollbackSucceeded: Helm rollback to shop.v6 succeeded", **HELM)


def test_a_rollback_without_tries_left_ends_the_wait(flux: Flux) -> None:
    back = condition("Remediated", "True", "RollbackSucceeded", "Helm rollback to shop.v6 succeeded")
    stalled = condition("Stalled", "True", "RetriesExceeded", "Failed to upgrade after 1 attempt(s)")
    flux.releases = [failed_upgrade(back, stalled, history=[snapshot(8, "deployed"), snapshot(7, "failed")])]
    assert_waits(flux, "RetriesExceeded", "was put back", kind=ReleaseRefused, timeout=MINUTES, **HELM)


def test_a_rollback_of_an_older_specification_is_history(flux: Flux) -> None:
    back = condition("Remediated", "True", "RollbackSucceeded", "m", generation=1)
    flux.releases = [helm_release(conditions=[*helm_release()["status"]["conditions"], back])]
    assert flux.verify(**HELM) == {"backend": PLANNED}


def test_a_helm_release_behind_its_specification_does_not_pass(flux: Flux) -> None:
    flux.releases = [helm_release(observedGeneration=1), helm_release()]
    assert flux.verify(MINUTES, **HELM) == {"backend": PLANNED}


@pytest.mark.parametrize("history", [[], [snapshot(7, "pending-upgrade")]])
def test_ready_without_a_deployed_release_does_not_pass(flux: Flux, history: list[dict[str, Any]]) -> None:
    flux.releases = [helm_release(history=history)]
    assert_waits(flux, "is Ready, but its", **HELM)


def test_a_suspended_helm_release_is_named(flux: Flux) -> None:
    flux.releases = [helm_release(spec={"suspend": True}, observedGeneration=1)]
    assert_waits(flux, "HelmRelease bre/shop is suspended", kind=ReleaseRefused, timeout=MINUTES, **HELM)


def test_objects_that_are_not_there_are_waited_for_a_while(flux: Flux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 0.02)
    flux.kustomizations = []
    assert_waits(flux, "HTTP 404: not found", "kustomizations/shop-bre", kind=ReleaseRefused, timeout=MINUTES)


def test_many_customers_are_read_with_one_list_per_kind(flux: Flux) -> None:
    names = [f"c{n}" for n in range(50)]
    flux.kustomizations = [kustomization(f"shop-{n}") for n in names[:49]]
    flux.kustomizations[0]["status"]["lastAppliedRevision"] = f"main@sha1:{OLDER}"
    flux.kustomizations[1]["spec"] |= {"suspend": True}
    flux.kustomizations[1]["status"]["lastAppliedRevision"] = f"main@sha1:{OLDER}"
    endings = verify_customers(config_of(flux.rollout(selector="app=shop")), RELEASE, names, lambda _: carries, OURS)
    assert len(flux.server.requests) == 1
    assert isinstance(endings["c0"], ServiceUnavailable) and "does not carry" in str(endings["c0"])
    assert isinstance(endings["c1"], ReleaseRefused) and "suspended" in str(endings["c1"])
    assert "no Kustomization shop-c49" in str(endings["c49"])
    assert sum(not isinstance(e, SlipwayError) for e in endings.values()) == 47
