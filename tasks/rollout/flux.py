"""Sees customers by Flux: the Kustomization that applies their files, and HelmReleases, by the Kubernetes API."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tasks.config.model import Config
from tasks.config.rollout import Flux
from tasks.errors import ReleaseRefused
from tasks.models import Release
from tasks.rollout.answers import NotThere
from tasks.rollout.cluster import Api, Clusters
from tasks.rollout.flux_status import checks_health, commit_of, helm_release_delay, kustomization_delay
from tasks.rollout.guarded import sight_of
from tasks.rollout.sight import Seen, Sight, short
from tasks.rollout.synced import Synced

KUSTOMIZATIONS = "kustomize.toolkit.fluxcd.io/v1", "kustomizations", "Kustomization"
HELM_RELEASES = "helm.toolkit.fluxcd.io/v2", "helmreleases", "HelmRelease"
NAMES_AT_ONCE = 8
Kind = tuple[str, str, str]
Object = dict[str, Any]
Listed = Mapping[tuple[str, str, str], Object]


class Reconciliations:
    """Flux's objects of customers. Safe for threads."""

    def __init__(self, config: Config, release: Release, clusters: Clusters, synced: Mapping[str, Synced]) -> None:
        settings = config.rollout.flux
        assert settings is not None  # noqa: S101  the configuration's own check
        self._settings: Flux = settings
        self._clusters, self._synced = clusters, synced
        self._versions = {image.component: image.digest for image in release.images}
        # Something must have seen the pods: Flux's own health checks, Helm's wait, or rollout.kubernetes after this.
        self._needs_checks = not settings.helm_releases and config.rollout.kubernetes is None

    def where(self, customer: str) -> str:
        """The Kustomization, for a person."""
        return f"Kustomization {'/'.join(self._kustomization(customer))}"

    def look(self, customers: Sequence[str]) -> dict[str, Sight]:
        """How each customer of one cluster is: one list per kind for all of them, or by name, a few at once."""
        listed = self._everything(customers) if len(customers) > 1 and self._settings.selector else None
        with ThreadPoolExecutor(NAMES_AT_ONCE) as pool:
            return dict(zip(customers, pool.map(lambda c: self._look(c, listed), customers), strict=True))

    def _everything(self, customers: Sequence[str]) -> Listed:
        api, selector = self._clusters.api(customers[0]), self._settings.selector
        kinds = [KUSTOMIZATIONS, *([HELM_RELEASES] if self._settings.helm_releases else [])]
        return {
            (kind[1], item["metadata"]["namespace"], item["metadata"]["name"]): item
            for kind in kinds
            for item in api.items(f"/apis/{kind[0]}/{kind[1]}", f"list {kind[1]} in all namespaces", selector)
        }

    def _look(self, customer: str, listed: Listed | None) -> Sight:
        return sight_of(customer, lambda: self._sight(customer, listed))

    def _sight(self, customer: str, listed: Listed | None) -> Sight:
        kustomization = self._find(customer, KUSTOMIZATIONS, *self._kustomization(customer), listed)
        if waiting := kustomization_delay(kustomization, self._synced[customer]):
            return waiting
        if self._needs_checks and not checks_health(kustomization):
            raise ReleaseRefused.because(
                "its Kustomization is Ready without having looked at what it applied",
                self.where(customer),
                "set wait: true or healthChecks in it, or describe the workloads in rollout.kubernetes",
            )
        for namespace, name in self._helm_releases(customer):
            if waiting := helm_release_delay(self._find(customer, HELM_RELEASES, namespace, name, listed)):
                return waiting
        applied = short(commit_of(kustomization["status"]["lastAppliedRevision"]))
        return Seen(versions=dict(self._versions), words=f"applied {applied}, Ready")

    def _find(self, customer: str, kind: Kind, namespace: str, name: str, listed: Listed | None) -> Object:
        version, plural, word = kind
        if listed is None:
            path = f"/apis/{version}/namespaces/{quote(namespace)}/{plural}/{quote(name)}"
            return {"kind": word} | self._api(customer).read(path, f"get {plural} in namespace {namespace}")
        if (plural, namespace, name) not in listed:
            raise NotThere.because(f"no {word} {name} in the list by rollout.flux.selector", f"namespace {namespace}")
        return {"kind": word} | listed[plural, namespace, name]

    def _api(self, customer: str) -> Api:
        return self._clusters.api(customer)

    def _kustomization(self, customer: str) -> tuple[str, str]:
        settings = self._settings
        return settings.namespace.replace("{customer}", customer), settings.kustomization.replace(
            "{customer}", customer
        )

    def _helm_releases(self, customer: str) -> list[tuple[str, str]]:
        namespace = self._settings.helm_namespace.replace("{customer}", customer)
        return [(namespace, name.replace("{customer}", customer)) for name in self._settings.helm_releases]
