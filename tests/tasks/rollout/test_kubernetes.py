"""Kubernetes: a customer passes when its workloads are rolled out and every pod runs the planned digest.

A cluster cannot run here. Requests and answers were tried against the schemas of Kubernetes 1.37 only, as
kubernetes-validate publishes them; the paths are written by hand (see situations.py). The client is the official one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.rollout.verify import verify_customer, verify_customers
from tests.contracts import Answer, ContractServer, Cut, Request, Response
from tests.tasks.rollout.situations import (
    BEFORE,
    MINUTES,
    OURS,
    PLANNED,
    RELEASE,
    REPOSITORY,
    TOKEN,
    assert_waits,
    carries,
    config_of,
    deployment,
    kubernetes_document,
    pod,
    served,
)

DOCUMENT = kubernetes_document()
PODS = "GET /api/v1/namespaces/{namespace}/pods"


class Cluster:
    """A cluster of one workload and its pods; a test replaces them, or puts troubles before the next answers."""

    def __init__(self) -> None:
        self.workload: list[dict[str, Any]] = [deployment()]
        self.pods = [pod(f"backend-{n}") for n in (1, 2, 3)]
        self.troubles: list[Answer] = []
        self.server = ContractServer(DOCUMENT, self.answer)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Response(401, {"kind": "Status", "message": "Unauthorized", "code": 401})
        if self.troubles:
            return self.troubles.pop(0)
        if request.operation.endswith("pods"):
            return _page(request, self.pods)
        workload = self.workload.pop(0) if len(self.workload) > 1 else self.workload[0]
        return _page(request, [workload] if isinstance(workload, dict) else workload)

    def rollout(self, timeout: float = 0, kind: str = "Deployment", **settings: Any) -> dict[str, Any]:
        workloads = {"backend": {"kind": kind, "name": "backend"}}
        return {
            "verify": "kubernetes",
            "timeout": timeout,
            "cluster": {"server": self.server.url, "token_env": "KUBE_TOKEN"},
            "kubernetes": {"workloads": workloads} | settings,
        }

    def verify(self, timeout: float = 0, **settings: Any) -> dict[str, str]:
        config = config_of(self.rollout(timeout, **settings))
        return verify_customer(config, RELEASE, "bre", OURS, carries)


def _page(request: Request, items: list[dict[str, Any]]) -> Response:
    """A page of at most 500, as `limit` asks; the token to go on with is the place in the list."""
    begin = int(request.query.get("continue", ["0"])[0])
    end = begin + int(request.query["limit"][0])
    namespace = request.path_parameters.get("namespace")
    found = [i for i in items if namespace in (None, i["metadata"]["namespace"])]
    return Response(200, {"items": found[begin:end], "metadata": {"continue": str(end) if end < len(found) else ""}})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    yield from served(Cluster, "KUBE_TOKEN", monkeypatch)


def test_rolled_out_with_the_planned_digest_in_every_pod_is_seen(cluster: Cluster) -> None:
    assert cluster.verify() == {"backend": PLANNED}


def test_a_controller_that_has_not_seen_the_newest_specification_does_not_pass(cluster: Cluster) -> None:
    cluster.workload = [deployment(observedGeneration=4)]
    assert_waits(cluster, "its controller has seen generation 4 of 5")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"updatedReplicas": 2}, "2 of 3 replicas updated"),
        ({"replicas": 4}, "1 old replica is left"),
        ({"readyReplicas": 2}, "2 of 3 ready"),
        ({"availableReplicas": 0}, "0 of 3 available"),
        ({"updatedReplicas": None, "replicas": None}, "0 of 3 replicas updated"),
    ],
)
def test_a_deployment_on_its_way_is_told_in_numbers(cluster: Cluster, status: dict[str, Any], words: str) -> None:
    whole = deployment(**status)
    whole["status"] = {k: v for k, v in whole["status"].items() if v is not None}
    cluster.workload = [whole]
    assert_waits(cluster, words)


def test_it_waits_until_the_rollout_is_over(cluster: Cluster) -> None:
    cluster.workload = [deployment(updatedReplicas=1), deployment(replicas=5), deployment()]
    assert cluster.verify(MINUTES) == {"backend": PLANNED}


def test_an_exceeded_deadline_is_told_and_waited_out(cluster: Cluster) -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
    cluster.workload = [deployment(updatedReplicas=1, conditions=[late]), deployment()]
    assert cluster.verify(MINUTES) == {"backend": PLANNED}
    cluster.workload = [deployment(updatedReplicas=1, conditions=[late])]
    assert_waits(cluster, "1 of 3 replicas updated, ProgressDeadlineExceeded: has timed out")


def test_a_paused_deployment_is_named(cluster: Cluster) -> None:
    cluster.workload = [deployment(updatedReplicas=0)]
    cluster.workload[0]["spec"]["paused"] = True
    assert_waits(cluster, "0 of 3 replicas updated, it is paused")


@pytest.mark.parametrize(
    "image_id",
    [
        f"{REPOSITORY}@{PLANNED}",
        f"docker-pullable://{REPOSITORY}@{PLANNED}",
        f"containerd://{REPOSITORY}@{PLANNED}",
        f"mirror.example.no:5000/shop/backend@{PLANNED}",
    ],
)
def test_the_planned_digest_is_known_in_every_runtime_s_form(cluster: Cluster, image_id: str) -> None:
    cluster.pods = [pod(image_id=image_id)]
    assert cluster.verify() == {"backend": PLANNED}


@pytest.mark.parametrize("image_id", [PLANNED, f"docker://{PLANNED}", f"docker://sha256:{'0' * 64}", ""])
def test_the_digest_of_a_configuration_is_no_manifest_s(cluster: Cluster, image_id: str) -> None:
    cluster.pods = [pod(image_id=image_id)]
    assert_waits(cluster, "pod backend-1 runs an image that its node did not pull")


def test_the_wrong_digest_under_the_right_tag_does_not_pass(cluster: Cluster) -> None:
    cluster.pods[1] = pod("backend-2", f"{REPOSITORY}@{BEFORE}")
    assert_waits(cluster, "pod backend-2 runs sha256:9c079c07… instead of sha256:1f3a1f3a…")


def test_an_old_pod_that_is_being_removed_is_still_there(cluster: Cluster) -> None:
    old = pod("backend-0", f"{REPOSITORY}@{BEFORE}")
    old["metadata"]["deletionTimestamp"] = "2026-11-24T12:03:05Z"
    cluster.pods.append(old)
    assert_waits(cluster, "pod backend-0 (being removed) runs sha256:9c079c07…")


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_ended_is_no_old_pod(cluster: Cluster, phase: str) -> None:
    evicted = pod("backend-0", f"{REPOSITORY}@{BEFORE}")
    evicted["status"]["phase"] = phase
    cluster.pods.append(evicted)
    assert cluster.verify() == {"backend": PLANNED}


def test_pods_of_other_workloads_and_namespaces_do_not_count(cluster: Cluster) -> None:
    other = pod("worker-0", f"{REPOSITORY}@{BEFORE}")
    other["metadata"]["labels"] = {"app": "worker"}
    cluster.pods += [other, pod("backend-0", f"{REPOSITORY}@{BEFORE}", namespace="dal")]
    assert cluster.verify() == {"backend": PLANNED}


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ({"key": "app", "operator": "In", "values": ["backend"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["backend"]}, False),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors_with_expressions_find_their_pods(cluster: Cluster, expression: dict[str, Any], passes: bool) -> None:
    cluster.workload[0]["spec"]["selector"] = {"matchExpressions": [expression]}
    if passes:
        assert cluster.verify() == {"backend": PLANNED}
    else:
        assert_waits(cluster, "no pod was found by its selector")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
            "pod backend-1 ImagePullBackOff: not found",
        ),
        ({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m"}}, "CrashLoopBackOff: back-off 5m"),
        ({"waiting": {"reason": "ContainerCreating"}}, "pod backend-1 ContainerCreating"),
        ({"terminated": {"reason": "OOMKilled", "exitCode": 137}}, "pod backend-1 ended: OOMKilled 137"),
    ],
)
def test_why_a_pod_runs_nothing_is_told_in_words(cluster: Cluster, state: dict[str, Any], words: str) -> None:
    cluster.pods[0] = pod(**state)
    assert_waits(cluster, words)


def test_a_crash_is_told_with_its_last_exit(cluster: Cluster) -> None:
    cluster.pods[0] = pod(waiting={"reason": "CrashLoopBackOff"})
    last = {"terminated": {"exitCode": 1, "reason": "Error"}}
    cluster.pods[0]["status"]["containerStatuses"][0]["lastState"] = last
    assert_waits(cluster, "CrashLoopBackOff, last exit 1 Error")


def test_a_name_that_no_registry_can_have_ends_the_wait(cluster: Cluster) -> None:
    cluster.pods[0] = pod(waiting={"reason": "InvalidImageName", "message": "bad"})
    assert_waits(cluster, "pod backend-1 InvalidImageName: bad", kind=ReleaseRefused, timeout=MINUTES)


def test_failed_scheduling_is_told(cluster: Cluster) -> None:
    cluster.pods[0]["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
    }
    assert_waits(cluster, "pod backend-1 is not scheduled: 0/3 nodes")


def test_an_init_container_in_the_way_is_named(cluster: Cluster) -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "migrate"}}
    init = {"name": "migrate", "image": "m", "imageID": "", "ready": False, "restartCount": 3, "state": waiting}
    cluster.pods[0]["status"] = {"phase": "Pending", "initContainerStatuses": [init]}
    assert_waits(cluster, "init container migrate CrashLoopBackOff: migrate")


def test_a_container_that_is_not_there_is_named_with_those_that_are(cluster: Cluster) -> None:
    workloads = {"backend": {"name": "backend", "container": "api"}}
    assert_waits(cluster, "pod backend-1 has no container api, only backend", workloads=workloads)


def test_a_pinned_pod_is_believed_only_where_that_is_said(cluster: Cluster) -> None:
    cluster.pods = [pod(image_id=f"{REPOSITORY}@{BEFORE}", image=f"{REPOSITORY}@{PLANNED}")]
    assert_waits(cluster, "instead of")
    assert cluster.verify(pinned=True) == {"backend": PLANNED}


def test_scaled_to_zero_passes_only_with_the_planned_digest_in_its_template(cluster: Cluster) -> None:
    nothing = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 0)
    cluster.workload, cluster.pods = [deployment(**nothing)], []
    cluster.workload[0]["spec"]["replicas"] = 0
    assert cluster.verify() == {"backend": PLANNED}
    cluster.workload[0]["spec"]["template"]["spec"]["containers"][0]["image"] = f"{REPOSITORY}:v2"
    assert_waits(cluster, "scaled to zero, and its template does not name")


def stateful_set(**status: Any) -> dict[str, Any]:
    whole = deployment(**({"currentRevision": "a-2", "updateRevision": "a-2"} | status))
    whole["spec"]["serviceName"] = "backend"
    return whole


def test_a_stateful_set_passes_and_its_ways_of_waiting_are_named(cluster: Cluster) -> None:
    cluster.workload = [stateful_set()]
    assert cluster.verify(kind="StatefulSet") == {"backend": PLANNED}
    cluster.workload = [stateful_set(currentRevision="a-1", updatedReplicas=1)]
    assert_waits(cluster, "1 of 3 replicas updated", kind=ServiceUnavailable, **{"workloads": STATEFUL})
    cluster.workload[0]["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    assert_waits(cluster, "partition 2 keeps old pods", workloads=STATEFUL)
    cluster.workload[0]["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert_waits(cluster, "updateStrategy OnDelete waits for a person", workloads=STATEFUL)


STATEFUL = {"backend": {"kind": "StatefulSet", "name": "backend"}}
DAEMON = {"backend": {"kind": "DaemonSet", "name": "backend"}}


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3, 3, 3, 3), ""),
        ((3, 2, 3, 3), "2 of 3 pods updated"),
        ((3, 3, 2, 2), "2 of 3 ready"),
        ((3, 3, 3, 1), "1 of 3 available"),
    ],
)
def test_a_daemon_set_counts_nodes(cluster: Cluster, numbers: tuple[int, ...], words: str) -> None:
    keys = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")
    daemon = deployment()
    del daemon["spec"]["replicas"]
    usual = {"observedGeneration": 5, "currentNumberScheduled": 3, "numberMisscheduled": 0}
    daemon["status"] = usual | dict(zip(keys, numbers, strict=True))
    cluster.workload = [daemon]
    if words:
        assert_waits(cluster, words, workloads=DAEMON)
    else:
        assert cluster.verify(workloads=DAEMON) == {"backend": PLANNED}


def test_a_missing_workload_is_waited_for_a_while(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.workload = [[], deployment()]  # type: ignore[list-item]
    assert cluster.verify(MINUTES) == {"backend": PLANNED}
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 0.02)
    cluster.workload = [[]]  # type: ignore[list-item]
    assert_waits(cluster, "no Deployment backend in namespace bre", kind=ReleaseRefused, timeout=MINUTES)


def test_a_missing_right_is_named(cluster: Cluster) -> None:
    cluster.troubles = [Response(403, {"kind": "Status", "message": "deployments.apps is forbidden", "code": 403})]
    assert_waits(cluster, "the right to list deployments in namespace bre", kind=ReleaseRefused, timeout=MINUTES)


def test_a_token_that_is_not_accepted_ends_the_wait(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBE_TOKEN", "another")
    assert_waits(cluster, "the token is not accepted", kind=ReleaseRefused, timeout=MINUTES)


@pytest.mark.parametrize(
    "trouble",
    [
        Response(500, {"message": "etcd"}),
        Response(504, "timeout"),
        Response(409, {"message": "conflict"}),
        Response(410, {"message": "expired"}),
        Response(429, {"message": "slow"}, {"Retry-After": "0"}),
        Cut(),
        Cut(Response(200, {"items": [deployment()]})),
        Response(200, {"items": [deployment()]}, {"Content-Type": "application/json"}),
    ],
    ids=str,
)
def test_a_server_s_trouble_is_waited_out(cluster: Cluster, trouble: Answer) -> None:
    cluster.troubles = [trouble]
    assert cluster.verify(MINUTES) == {"backend": PLANNED}


def test_the_token_does_not_follow_a_redirect(cluster: Cluster) -> None:
    asked: list[Request] = []
    with ContractServer(DOCUMENT, lambda r: asked.append(r) or Response(200, {"items": []})) as elsewhere:
        cluster.troubles = [Response(307, None, {"Location": elsewhere.url + "/api/v1/namespaces/bre/pods"})] * 2
        with pytest.raises(ReleaseRefused, match="redirects elsewhere"):
            cluster.verify(MINUTES)
    assert not asked


def test_long_lists_are_read_to_their_end(cluster: Cluster) -> None:
    cluster.pods = [pod(f"backend-{n}") for n in range(1200)] + [pod("last", f"{REPOSITORY}@{BEFORE}")]
    assert_waits(cluster, "pod last runs sha256:9c079c07…")
    assert [r.query.get("continue") for r in cluster.server.requests if r.operation == PODS] == [
        None,
        ["500"],
        ["1000"],
    ]


def test_many_customers_are_read_with_one_list_per_kind(cluster: Cluster) -> None:
    names = [f"c{n}" for n in range(100)]
    cluster.workload = [[deployment(n) for n in names]]  # type: ignore[list-item]
    cluster.pods = [pod(namespace=n) for n in names[1:]] + [pod("old", f"{REPOSITORY}@{BEFORE}", namespace="c5")]
    config = config_of(cluster.rollout(selector="part-of=shop"))
    endings = verify_customers(config, RELEASE, names, lambda _: carries)
    assert len(cluster.server.requests) == 2
    assert "no pod was found" in str(endings["c0"])
    assert "pod old runs" in str(endings["c5"])
    assert sum(not isinstance(e, SlipwayError) for e in endings.values()) == 98


def test_without_a_selector_each_namespace_is_read_by_itself(cluster: Cluster) -> None:
    cluster.verify()  # the contract's schemas are converted when first used, which two threads must not do at once
    cluster.workload = [[deployment("a"), deployment("b")]]  # type: ignore[list-item]
    cluster.pods = [pod(namespace="a"), pod("old", f"{REPOSITORY}@{BEFORE}", namespace="b")]
    endings = verify_customers(config_of(cluster.rollout()), RELEASE, ["a", "b"], lambda _: carries)
    assert endings["a"].versions == {"backend": PLANNED}
    assert "pod old runs" in str(endings["b"])


def test_a_kubeconfig_is_a_way_in(cluster: Cluster, tmp_path: Path) -> None:
    rollout = cluster.rollout() | {"cluster": {"kubeconfig": str(tmp_path / "config"), "context": "prod-{customer}"}}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "other",
        "clusters": [{"name": "prod", "cluster": {"server": cluster.server.url}}],
        "users": [{"name": "slipway", "user": {"token": TOKEN}}],
        "contexts": [{"name": "prod-bre", "context": {"cluster": "prod", "user": "slipway"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(content))
    assert verify_customer(config_of(rollout), RELEASE, "bre", OURS, carries) == {"backend": PLANNED}
    with pytest.raises(ReleaseRefused, match="no way to the Kubernetes API"):
        verify_customer(config_of(rollout), RELEASE, "dal", OURS, carries)


def test_outside_a_cluster_and_without_an_address_there_is_no_way_in(cluster: Cluster) -> None:
    with pytest.raises(ReleaseRefused, match="no way to the Kubernetes API"):
        verify_customer(config_of(cluster.rollout() | {"cluster": {}}), RELEASE, "bre", OURS, carries)


def test_a_component_that_is_not_there_is_refused_with_the_configuration(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="rollout.kubernetes.workloads names frontend"):
        config_of(cluster.rollout(workloads={"frontend": {"name": "frontend"}}))
