"""Whether a Deployment, StatefulSet or DaemonSet has brought its newest template to all of its pods.

Source: Kubernetes documentation, Deployments, StatefulSets, DaemonSets; kubectl `pkg/polymorphichelpers/
rollout_status.go`, made stricter: replicas must be available everywhere, and nothing of an old template may be left.
"""

from collections.abc import Mapping
from typing import Any

from tasks.rollout.sight import told

Object = Mapping[str, Any]


def unfinished(workload: Object) -> str:
    """In words why the workload is not rolled out; empty when it is."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    generation, observed = workload["metadata"].get("generation", 0), status.get("observedGeneration", 0)
    if workload["metadata"].get("deletionTimestamp"):
        return "is being deleted"
    if observed < generation:
        return f"its controller has seen generation {observed} of {generation}"
    words = KINDS[workload["kind"]](spec, status)
    return ", ".join(part for part in (words, _conditions(status)) if part) if words else ""


def replicas(workload: Object) -> int:
    """How many pods it is to have."""
    if workload["kind"] == "DaemonSet":
        return int((workload.get("status") or {}).get("desiredNumberScheduled", 0))
    wanted = (workload.get("spec") or {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _deployment(spec: Object, status: Object) -> str:
    wanted = 1 if spec.get("replicas") is None else spec["replicas"]
    paused = ", it is paused" if spec.get("paused") else ""
    updated, left = status.get("updatedReplicas", 0), status.get("replicas", 0) - status.get("updatedReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} replicas updated{paused}"
    if left > 0:
        return f"{left} old {'replica is' if left == 1 else 'replicas are'} left"
    return _up(status.get("readyReplicas", 0), status.get("availableReplicas", 0), wanted)


def _stateful_set(spec: Object, status: Object) -> str:
    wanted = 1 if spec.get("replicas") is None else spec["replicas"]
    strategy = spec.get("updateStrategy") or {}
    by_hand = ", updateStrategy OnDelete waits for a person" if strategy.get("type") == "OnDelete" else ""
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    kept = f", partition {partition} keeps old pods" if partition else ""
    updated, current, newest = (
        status.get("updatedReplicas", 0),
        status.get("currentRevision"),
        status.get("updateRevision"),
    )
    # While currentRevision is the newest one the rollout is over, and some versions no longer count updatedReplicas.
    if current != newest and updated < wanted:
        return f"{updated} of {wanted} replicas updated{by_hand}{kept}"
    return _up(status.get("readyReplicas", 0), status.get("availableReplicas", 0), wanted)


def _daemon_set(spec: Object, status: Object) -> str:
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    by_hand = ", updateStrategy OnDelete waits for a person" if _type(spec) == "OnDelete" else ""
    if updated < wanted:
        return f"{updated} of {wanted} pods updated{by_hand}"
    return _up(status.get("numberReady", 0), status.get("numberAvailable", 0), wanted)


KINDS = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}


def _type(spec: Object) -> str:
    return str((spec.get("updateStrategy") or {}).get("type", ""))


def _up(ready: int, available: int, wanted: int) -> str:
    if ready < wanted:
        return f"{ready} of {wanted} ready"
    return f"{available} of {wanted} available" if available < wanted else ""


def _conditions(status: Object) -> str:
    """ProgressDeadlineExceeded and failing to make pods. Both may heal, so they are told and do not end the wait."""
    bad = [
        c
        for c in status.get("conditions") or []
        if (c.get("type"), c.get("status")) in (("Progressing", "False"), ("ReplicaFailure", "True"))
    ]
    return ", ".join(f"{c.get('reason')}: {told(c.get('message'))}" for c in bad)
