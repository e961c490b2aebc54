"""What a workload's pods really run, and why those that run nothing do not."""

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.errors import ReleaseRefused
from tasks.rollout.image_reference import digest_of, running_digest
from tasks.rollout.sight import short, told

Pod = Mapping[str, Any]
# A kubelet tries everything again but a name that no registry can have.
HOPELESS = ("InvalidImageName",)
POD_ENDED = ("Succeeded", "Failed")


def selected(workload: Mapping[str, Any], pods: Iterable[Pod]) -> list[Pod]:
    """Of the pods of its namespace those of a workload that have not ended (evicted ones stay listed as Failed)."""
    selector = (workload.get("spec") or {}).get("selector") or {}
    return [
        pod
        for pod in pods
        if (pod.get("status") or {}).get("phase") not in POD_ENDED
        and _matches(selector, pod["metadata"].get("labels") or {})
    ]


def differences(pods: Iterable[Pod], container: str, digest: str, pinned: bool) -> list[str]:
    """One sentence per pod whose container does not run the planned digest; a pod that is being removed counts as well.

    `pinned`: whether a pod that names the planned digest is believed when its runtime reports another one.
    Raises `ReleaseRefused` for an image name that no registry can have.
    """
    return [words for pod in pods if (words := _difference(pod, container, digest, pinned))]


def _difference(pod: Pod, container: str, digest: str, pinned: bool) -> str:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    leaving = " (being removed)" if pod["metadata"].get("deletionTimestamp") else ""
    if unscheduled := _unscheduled(status):
        return f"pod {name} is not scheduled: {unscheduled}"
    found = next((c for c in status.get("containerStatuses") or [] if c.get("name") == container), None)
    if found is None:
        return _without(pod, name, container)
    if stuck := _stuck(found, name):
        return f"pod {name}{leaving} {stuck}"
    running = running_digest(found.get("imageID") or "")
    if running == digest or (pinned and _named(pod, container) == digest):
        return "" if not leaving else f"pod {name} is being removed"
    if running is None:
        return f"pod {name}{leaving} runs an image that its node did not pull ({told(found.get('imageID')) or 'no imageID'})"
    return f"pod {name}{leaving} runs {short(running)} instead of {short(digest)}"


def _stuck(found: Mapping[str, Any], name: str) -> str:
    """Why a container runs nothing: ImagePullBackOff, CrashLoopBackOff with its last exit, and their like."""
    state = found.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if ended:
        return f"ended: {ended.get('reason') or 'exit'} {ended.get('exitCode', '')}".rstrip()
    if not waiting:
        return ""
    reason, said = waiting.get("reason") or "waits", told(waiting.get("message"))
    last = (found.get("lastState") or {}).get("terminated") or {}
    exit_code = f", last exit {last['exitCode']} {last.get('reason', '')}".rstrip() if "exitCode" in last else ""
    words = f"{reason}{f': {said}' if said else ''}{exit_code}"
    if reason in HOPELESS:
        raise ReleaseRefused.because(f"pod {name} {words}", next_step="mend the image's name in the GitOps repository")
    return words


def _without(pod: Pod, name: str, container: str) -> str:
    """A pod without a word on the container: not begun yet, held up by an init container, or without such a container."""
    names = [c.get("name") for c in (pod.get("spec") or {}).get("containers") or []]
    if names and container not in names:
        return f"pod {name} has no container {container}, only {', '.join(map(str, names))}"
    for init in (pod.get("status") or {}).get("initContainerStatuses") or []:
        if stuck := _stuck(init, name) if not _done(init) else "":
            return f"pod {name}, init container {init.get('name')} {stuck}"
    return f"pod {name} has not begun"


def _done(init: Mapping[str, Any]) -> bool:
    return ((init.get("state") or {}).get("terminated") or {}).get("exitCode") == 0


def _unscheduled(status: Mapping[str, Any]) -> str:
    found = (c for c in status.get("conditions") or [] if (c.get("type"), c.get("status")) == ("PodScheduled", "False"))
    return next((told(c.get("message") or c.get("reason")) for c in found), "")


def _named(pod: Pod, container: str) -> str | None:
    containers = (pod.get("spec") or {}).get("containers") or []
    return next((digest_of(c.get("image", "")) for c in containers if c.get("name") == container), None)


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A label selector as the Kubernetes API defines it; one without a condition would match all and matches nothing."""
    wanted, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not wanted and not expressions:
        return False
    return all(labels.get(k) == v for k, v in wanted.items()) and all(_fits(e, labels) for e in expressions)


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
