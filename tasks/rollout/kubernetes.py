"""Sees customers by their workloads and pods: what is running, whoever brought it there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tasks.config.model import Config
from tasks.config.rollout import Kubernetes, Workload
from tasks.models import Release
from tasks.rollout import pods as running
from tasks.rollout.cluster import Api, Clusters
from tasks.rollout.guarded import sight_of
from tasks.rollout.image_reference import digest_of
from tasks.rollout.planned import planned_digests
from tasks.rollout.sight import Seen, Sight, Waiting, short
from tasks.rollout.workloads import replicas, unfinished

PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
NAMESPACES_AT_ONCE = 8
PODS_TOLD = 3
Object = dict[str, Any]


class Workloads:
    """The workloads of customers, by the Kubernetes API. Safe for threads."""

    def __init__(self, config: Config, release: Release, clusters: Clusters) -> None:
        settings = config.rollout.kubernetes
        assert settings is not None  # noqa: S101  the configuration's own check
        self._settings: Kubernetes = settings
        self._clusters = clusters
        self._digests = planned_digests(release, settings.workloads, "rollout.kubernetes.workloads")
        self._kinds = sorted({w.kind for w in settings.workloads.values()})

    def where(self, customer: str) -> str:
        """The namespace, for a person."""
        return f"{self._clusters.key(customer) or 'the cluster'}, namespace {self._namespace(customer)}"

    def look(self, customers: Sequence[str]) -> dict[str, Sight]:
        """How each customer of one cluster is: a list per kind for all of them, or per namespace, a few at once."""
        if len(customers) > 1 and self._settings.selector:
            lists = self._everywhere(self._clusters.api(customers[0]), self._settings.selector)
            return {c: self._guarded(c, lists[self._namespace(c)]) for c in customers}
        with ThreadPoolExecutor(NAMESPACES_AT_ONCE) as pool:
            return dict(zip(customers, pool.map(self._look, customers), strict=True))

    def _look(self, customer: str) -> Sight:
        namespace = self._namespace(customer)
        return sight_of(
            customer, lambda: self._sight(customer, self._of_namespace(self._clusters.api(customer), namespace))
        )

    def _everywhere(self, api: Api, selector: str) -> dict[str, list[Object]]:
        """Namespace -> its workloads and pods, of the whole cluster."""
        found: dict[str, list[Object]] = defaultdict(list)
        for kind, path in self._paths(""):
            for item in api.items(path, f"list {path.rsplit('/', 1)[-1]} in all namespaces", selector):
                found[item["metadata"]["namespace"]].append({"kind": kind} | item)
        return found

    def _of_namespace(self, api: Api, namespace: str) -> list[Object]:
        return [
            {"kind": kind} | item
            for kind, path in self._paths(f"namespaces/{quote(namespace)}/")
            for item in api.items(
                path, f"list {path.rsplit('/', 1)[-1]} in namespace {namespace}", self._settings.selector
            )
        ]

    def _paths(self, namespace: str) -> list[tuple[str, str]]:
        """(kind, path of its list): pods come last, so that none is older than the workload's status."""
        workloads = [(kind, f"/apis/apps/v1/{namespace}{PLURALS[kind]}") for kind in self._kinds]
        return [*workloads, ("Pod", f"/api/v1/{namespace}pods")]

    def _guarded(self, customer: str, objects: list[Object]) -> Sight:
        return sight_of(customer, lambda: self._sight(customer, objects))

    def _sight(self, customer: str, objects: list[Object]) -> Sight:
        found = [self._component(c, w, customer, objects) for c, w in self._settings.workloads.items()]
        problems = [words for words, _ in found if words]
        if problems:
            return Waiting("; ".join(problems), missing=all(gone for _, gone in found))
        words = ", ".join(f"{component} {short(digest)}" for component, digest in self._digests.items())
        return Seen(versions=dict(self._digests), words=f"runs {words}")

    def _component(self, component: str, wanted: Workload, customer: str, objects: list[Object]) -> tuple[str, bool]:
        """(in words what keeps the component from running the release, whether its workload is not there)."""
        name = wanted.name.replace("{customer}", customer)
        workload = next((o for o in objects if o["kind"] == wanted.kind and o["metadata"]["name"] == name), None)
        if workload is None:
            return f"{component}: no {wanted.kind} {name} in namespace {self._namespace(customer)}", True
        pods = running.selected(workload, (o for o in objects if o["kind"] == "Pod"))
        parts = [unfinished(workload), *self._pods(component, wanted, workload, pods)]
        words = "; ".join(part for part in parts if part)
        return f"{component}: {words}" if words else "", False

    def _pods(self, component: str, wanted: Workload, workload: Object, pods: list[Mapping[str, Any]]) -> list[str]:
        container, digest = wanted.container or component, self._digests[component]
        words = running.differences(pods, container, digest, self._settings.pinned)
        more = [f"and {len(words) - PODS_TOLD} more pods"] if len(words) > PODS_TOLD else []
        if not pods and not words:
            return [_without_pods(workload, container, digest)]
        return words[:PODS_TOLD] + more

    def _namespace(self, customer: str) -> str:
        return self._settings.namespace.replace("{customer}", customer)


def _without_pods(workload: Object, container: str, digest: str) -> str:
    """A workload scaled to zero runs nothing that could be wrong: its template must name the digest then."""
    if replicas(workload):
        return "no pod was found by its selector"
    containers = workload["spec"]["template"]["spec"].get("containers") or []
    named = next((digest_of(c.get("image", "")) for c in containers if c.get("name") == container), None)
    return "" if named == digest else f"scaled to zero, and its template does not name {short(digest)}"
