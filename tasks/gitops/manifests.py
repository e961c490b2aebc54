"""The Kubernetes objects that say who rolls a customer out and what runs there, reduced to the facts that tell it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from tasks.gitops.yaml_bytes import under

APPLICATION = "Application.argoproj.io"
APPLICATION_SET = "ApplicationSet.argoproj.io"
KUSTOMIZATION = "Kustomization.kustomize.toolkit.fluxcd.io"
HELM_RELEASE = "HelmRelease.helm.toolkit.fluxcd.io"
WORKLOADS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")
OVERLAY = "Kustomization.kustomize.config.k8s.io"
OVERLAY_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
READ = (APPLICATION, APPLICATION_SET, KUSTOMIZATION, HELM_RELEASE, OVERLAY, *WORKLOADS)
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Manifest:
    """One object. What its kind does not have is empty; of an ApplicationSet the Application in its template counts."""

    file: str
    kind: str
    name: str
    namespace: str = ""
    labels: Labels = ()
    project: str = ""
    repositories: tuple[str, ...] = ()
    path: str = ""
    target_namespace: str = ""
    waits: bool = False
    containers: tuple[tuple[str, str], ...] = ()
    around: tuple[str, str] = ("", "")

    @property
    def sort(self) -> str:
        """Its kind without the group, as people call it."""
        return self.kind.partition(".")[0]


def manifests(root: yaml.Node, file: str) -> Iterator[Manifest]:
    """The objects of one document, those of a List too."""
    items = _items(root) if _text(root, "kind") == "List" else [root]
    for item in items:
        kind = _kind(item, file)
        if kind in READ:
            yield _READERS.get(kind, _workload)(item, file, kind)


def _kind(node: yaml.Node, file: str) -> str:
    kind, group = _text(node, "kind"), _text(node, "apiVersion").partition("/")[0]
    if PurePosixPath(file).name in OVERLAY_FILES and kind in ("", "Kustomization") and "toolkit" not in group:
        return OVERLAY
    return f"{kind}.{group}"


def _application(node: yaml.Node, file: str, kind: str) -> Manifest:
    inner = node if kind == APPLICATION else _at(node, "spec", "template")
    sources = [_at(inner, "spec", "source"), *_list(inner, "spec", "sources")]
    hydrated = _at(inner, "spec", "sourceHydrator", "drySource")
    return Manifest(
        file,
        kind,
        _text(inner, "metadata", "name"),
        # An ApplicationSet makes its Applications in its own namespace.
        _text(node, "metadata", "namespace"),
        _labels(inner, "metadata", "labels"),
        project=_text(inner, "spec", "project"),
        repositories=tuple(url for s in (*sources, hydrated) if (url := _text(s, "repoURL")) and not _text(s, "chart")),
        path=next((p for s in (*sources, hydrated) if (p := _text(s, "path"))), ""),
        target_namespace=_text(inner, "spec", "destination", "namespace"),
    )


def _flux(node: yaml.Node, file: str, kind: str) -> Manifest:
    return Manifest(
        file,
        kind,
        _text(node, "metadata", "name"),
        _text(node, "metadata", "namespace"),
        _labels(node, "metadata", "labels"),
        path=_text(node, "spec", "path"),
        target_namespace=_text(node, "spec", "targetNamespace"),
        waits=_text(node, "spec", "wait") == "true" or bool(_list(node, "spec", "healthChecks")),
    )


def _overlay(node: yaml.Node, file: str, kind: str) -> Manifest:
    around = (_text(node, "namePrefix"), _text(node, "nameSuffix"))
    return Manifest(file, kind, "", _text(node, "namespace"), around=around)


def _workload(node: yaml.Node, file: str, kind: str) -> Manifest:
    own, pods = _labels(node, "metadata", "labels"), _labels(node, "spec", "template", "metadata", "labels")
    return Manifest(
        file,
        kind,
        _text(node, "metadata", "name"),
        _text(node, "metadata", "namespace"),
        # A selector has to find the workload and its pods.
        tuple(label for label in own if label in pods),
        containers=tuple(
            (_text(c, "name"), _text(c, "image")) for c in _list(node, "spec", "template", "spec", "containers")
        ),
    )


_READERS = {
    APPLICATION: _application,
    APPLICATION_SET: _application,
    KUSTOMIZATION: _flux,
    HELM_RELEASE: _flux,
    OVERLAY: _overlay,
}


def _items(root: yaml.Node) -> Sequence[yaml.Node]:
    return _list(root, "items")


def _at(node: yaml.Node, *keys: str) -> yaml.Node:
    """What stands there; where nothing does, or something twice, the empty text."""
    for key in keys:
        found = under(node, key)
        node = found[0] if len(found) == 1 else yaml.ScalarNode("tag:yaml.org,2002:str", "")
    return node


def _text(node: yaml.Node, *keys: str) -> str:
    """A single printable value, else nothing."""
    found = _at(node, *keys)
    return found.value if isinstance(found, yaml.ScalarNode) and found.value.isprintable() else ""


def _list(node: yaml.Node, *keys: str) -> Sequence[yaml.Node]:
    found = _at(node, *keys)
    return found.value if isinstance(found, yaml.SequenceNode) else ()


def _labels(node: yaml.Node, *keys: str) -> Labels:
    found = _at(node, *keys)
    pairs = found.value if isinstance(found, yaml.MappingNode) else ()
    return tuple(sorted((k.value, _text(found, k.value)) for k, _ in pairs if isinstance(k, yaml.ScalarNode)))
