"""Who rolls customers out, and under which names they are found there: Argo CD's, Flux's objects and workloads."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from tasks.gitops import naming
from tasks.gitops.layout import is_name
from tasks.gitops.manifests import (
    APPLICATION,
    APPLICATION_SET,
    HELM_RELEASE,
    KUSTOMIZATION,
    OVERLAY,
    WORKLOADS,
    Labels,
    Manifest,
)
from tasks.gitops.recognised import (
    FoundArgoCD,
    FoundFlux,
    FoundImage,
    FoundKubernetes,
    FoundWorkload,
    Rollout,
)

TOOLS: dict[str, Literal["argocd", "flux"]] = {
    APPLICATION: "argocd",
    APPLICATION_SET: "argocd",
    HELM_RELEASE: "flux",
    KUSTOMIZATION: "flux",
}
# What release.yaml takes as a name with {customer}.
PATTERN = re.compile(r"(?:[a-z0-9.-]|\{customer\})+")
REMOTE = re.compile("://|@")
PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
LABEL = re.compile(r"([\w.-]+/)?[\w.-]+=[\w.-]+", re.ASCII)
PREFERRED = ("app.kubernetes.io/part-of", "app.kubernetes.io/name", "app.kubernetes.io/instance", "part-of", "app")
# Labels that say how an object came about, or which version it is of.
NO_SELECTOR = re.compile(r"^(helm\.sh/|.*/(managed-by|version|created-by|component)$|version$|chart$|heritage$)")
OWN_NAMESPACES = ("", "argocd")
SHARE = 2
Group = dict[str, Manifest]


def recognised(
    seen: Sequence[Manifest], images: Sequence[FoundImage], customers: Sequence[str], app: str, urls: Sequence[str]
) -> Rollout | None:
    """Who rolls out, by objects that stand in the repository; None where neither such objects nor workloads do.

    `urls` are the GitOps repository's, as far as they are known: Argo CD's source may name another.
    """
    first = min((m for m in seen if m.kind in TOOLS), key=lambda m: (list(TOOLS).index(m.kind), m.file), default=None)
    kubernetes = _kubernetes(seen, images, customers)
    if first is None:
        return _plain(kubernetes, images)
    tool, why = TOOLS[first.kind], f"{first.sort} in {first.file}"
    if tool == "flux":
        return Rollout(tool=tool, why=why, kubernetes=kubernetes, flux=_flux(seen, images, customers, app))
    argocd = _argocd(seen, images, customers, app, urls)
    return Rollout(tool=tool, why=why, kubernetes=kubernetes, argocd=argocd)


def _plain(kubernetes: FoundKubernetes | None, images: Sequence[FoundImage]) -> Rollout | None:
    if kubernetes is None:
        return None
    why = next(iter(kubernetes.workloads.values())).why
    return Rollout(tool="kubernetes", why=why, kubernetes=kubernetes)


def _argocd(
    seen: Sequence[Manifest], images: Sequence[FoundImage], customers: Sequence[str], app: str, urls: Sequence[str]
) -> FoundArgoCD | None:
    """The Application of each customer: by name, else as an ApplicationSet makes them."""
    groups = _groups((m for m in seen if m.kind == APPLICATION), customers)
    name, others = _best(groups, customers, app)
    group, sure = groups.get(name, {}), set(groups.get(name, ())) == set(customers) and not others
    if not name:
        made = sorted({f: m for m in seen if m.kind == APPLICATION_SET and (f := _filled(m.name))}.items())
        if not made:
            return None
        (name, template), others, sure = made[0], tuple(f for f, _ in made[1:]), False
        group = dict.fromkeys(customers, template)
    sources = {url for m in group.values() for url in m.repositories}
    others_source = sorted(sources) if not any(_same(s, url) for s in sources for url in urls) else []
    namespace = _said(group, lambda m: m.namespace)
    return FoundArgoCD(
        application=name,
        why=_told(group),
        sure=sure,
        app_namespace="" if namespace in OWN_NAMESPACES else namespace,
        project=_said(group, lambda m: m.project),
        selector=_selector([m.labels for m in group.values()]) if set(group) == set(customers) else "",
        repository=others_source[0] if len(others_source) == 1 else "",
        own_server="{customer}" not in name + namespace,
        # Of a local path nobody knows whether it is the Applications' source.
        elsewhere=bool(others_source and any(map(REMOTE.search, urls)) or not sources) and _carry(images, group),
        others=others,
    )


def _flux(
    seen: Sequence[Manifest], images: Sequence[FoundImage], customers: Sequence[str], app: str
) -> FoundFlux | None:
    """The Kustomization of each customer, else the one of `flux bootstrap` where HelmReleases are theirs."""
    groups = _groups((m for m in seen if m.kind == KUSTOMIZATION), customers)
    name, others = _best(groups, customers, app)
    group = groups.get(name, {})
    releases, released = _helm_releases([m for m in seen if m.kind == HELM_RELEASE], images, customers, bool(name))
    if not group and not released:
        return None
    namespace, helm_namespace = (_said(g, lambda m: m.namespace) for g in (group, released))
    whole = set(group) == set(customers) and (not releases or set(released) == set(customers))
    return FoundFlux(
        kustomization=name or "flux-system",
        why=_told(group or released),
        sure=set(group) == set(customers) and not others,
        namespace=namespace or "flux-system",
        waits=bool(group) and all(m.waits for m in group.values()),
        helm_releases=releases,
        helm_namespace=helm_namespace or _said(group, lambda m: m.target_namespace) or "{customer}",
        helm_sure=bool(helm_namespace) and set(released) == set(customers),
        selector=_selector([m.labels for g in (group, released) for m in g.values()]) if whole else "",
        own_cluster="{customer}" not in name + namespace + helm_namespace,
        others=others,
    )


def _helm_releases(
    mine: Sequence[Manifest], images: Sequence[FoundImage], customers: Sequence[str], applied: bool
) -> tuple[tuple[str, ...], Group]:
    """Names of the HelmReleases that carry the images, or that every customer has; and the objects of the first."""
    groups = {n: g for n, g in _groups(mine, customers).items() if len(g) * SHARE >= len(customers)}
    carrying = [n for n, g in groups.items() if _carry(images, g)]
    names = sorted(carrying or [n for n, g in groups.items() if set(g) == set(customers)])
    if not names and applied and len({m.name for m in mine}) == 1 and PATTERN.fullmatch(mine[0].name):
        return (mine[0].name,), {}  # one in a base, for everybody
    return tuple(names), groups[names[0]] if names else {}


def _kubernetes(
    seen: Sequence[Manifest], images: Sequence[FoundImage], customers: Sequence[str]
) -> FoundKubernetes | None:
    """A workload for every component of every customer, in their files or in a base; None when one has none."""
    overlays = _by_customer((m for m in seen if m.kind == OVERLAY), customers)
    found: dict[str, FoundWorkload] = {}
    chosen: list[Group] = []
    for image in images:
        groups = _running(seen, image, customers, overlays)
        ranked = sorted(groups, key=lambda k: (-len(groups[k]), image.component not in k[1], k))
        if not ranked or set(groups[ranked[0]]) != set(customers):
            return None
        kind, name, container = ranked[0]
        chosen.append(groups[ranked[0]])
        found[image.component] = FoundWorkload(
            kind=kind.partition(".")[0],  # type: ignore[arg-type]  WORKLOADS has no others
            name=name,
            container=container,
            why=_told(groups[ranked[0]]),
            others=tuple(f"{k.partition('.')[0]} {n}" for k, n, _ in ranked[1:4]),
        )
    return _with_namespace(found, chosen) if found else None


def _with_namespace(workloads: dict[str, FoundWorkload], chosen: Sequence[Group]) -> FoundKubernetes:
    everyone = {c: m for group in chosen for c, m in group.items()}
    namespace = _said(everyone, lambda m: m.namespace)
    labels = [m.labels for group in chosen for m in group.values()]
    return FoundKubernetes(
        namespace=namespace or "{customer}",
        namespace_why="as the files say" if namespace else "",
        workloads=workloads,
        selector=_selector(labels) if namespace else "",
    )


def _running(
    seen: Sequence[Manifest], image: FoundImage, customers: Sequence[str], overlays: Mapping[str, Manifest]
) -> dict[tuple[str, str, str], Group]:
    """(kind, name with {customer}, container) -> the workload of each customer, as kustomize makes it."""
    known = frozenset(customers)
    groups: dict[tuple[str, str, str], Group] = defaultdict(dict)
    for manifest in seen:
        container = _container(manifest, image) if manifest.kind in WORKLOADS else ""
        if not container:
            continue
        owner = _customer(manifest, known)
        for customer in [owner] if owner else overlays:
            made = _overlaid(manifest, overlays.get(customer))
            name = naming.form(customer, made.name)
            if PATTERN.fullmatch(name):
                groups[manifest.kind, name, container].setdefault(customer, made)
    return groups


def _container(manifest: Manifest, image: FoundImage) -> str:
    """The container that runs the image, under its whole name or the one by which kustomize finds it."""
    names = {image.repository, *(n for t in image.targets for n in (t.image, t.manifest) if n)} - {""}
    runs = [name for name, value in manifest.containers if re.sub(r"(:[^:/]*)?(@.*)?$", "", value) in names]
    return runs[0] if runs and is_name(runs[0]) else ""


def _overlaid(manifest: Manifest, overlay: Manifest | None) -> Manifest:
    if overlay is None:
        return manifest
    before, after = overlay.around
    return replace(manifest, name=f"{before}{manifest.name}{after}", namespace=overlay.namespace or manifest.namespace)


def _by_customer(manifests: Iterable[Manifest], customers: Sequence[str]) -> Group:
    known = frozenset(customers)
    return {c: m for m in manifests if (c := _customer(m, known))}


def _groups(manifests: Iterable[Manifest], customers: Sequence[str]) -> dict[str, Group]:
    """Name with {customer} -> the object of each customer that has one called so."""
    known, groups = frozenset(customers), defaultdict[str, Group](dict)
    for manifest in manifests:
        customer = _customer(manifest, known)
        name = naming.form(customer, manifest.name) if customer else ""
        if PATTERN.fullmatch(name):
            groups[name].setdefault(customer, manifest)
    return groups


def _customer(manifest: Manifest, known: frozenset[str]) -> str:
    """Whose an object is: its name says it, else its path, its namespace, its file; the longest name, then the last."""
    file = PurePosixPath(manifest.file).with_suffix("").as_posix()
    for text in (manifest.name, manifest.path, manifest.namespace, manifest.target_namespace, file):
        if named := naming.names_in(text) & known:
            return max(named, key=lambda n: (len(n), text.rfind(n)))
    return ""


def _best(groups: Mapping[str, Group], customers: Sequence[str], app: str) -> tuple[str, tuple[str, ...]]:
    """The name that most customers have an object of, one with the app's name first; and others that as many have."""
    enough = [n for n, g in groups.items() if len(g) * SHARE >= len(customers)]
    ranked = sorted(enough, key=lambda n: (-len(groups[n]), not naming.stands_in(app, n), n))
    if not ranked:
        return "", ()
    return ranked[0], tuple(n for n in ranked[1:] if len(groups[n]) == len(groups[ranked[0]]))


def _said(group: Group, of: Callable[[Manifest], str]) -> str:
    """What all of the group say of something, with {customer}; empty where they differ or say nothing."""
    forms = {naming.form(c, PLACEHOLDER.sub(c, of(m))) for c, m in group.items()}
    said = forms.pop() if len(forms) == 1 else ""
    return said if PATTERN.fullmatch(said) else ""


def _selector(labels: Sequence[Labels]) -> str:
    """A label that all of them have with one value, and that says which app they are of; empty where there is none."""
    shared = set(labels[0]).intersection(*labels[1:]) if labels else set()
    fit = [f"{k}={v}" for k, v in shared if not NO_SELECTOR.match(k) and LABEL.fullmatch(f"{k}={v}")]
    known = [s for key in PREFERRED for s in fit if s.partition("=")[0] == key]
    return next(iter(known), "")


def _filled(name: str) -> str:
    """`shop-{{customer}}` of an ApplicationSet -> `shop-{customer}`; empty for what cannot be said so."""
    filled = PLACEHOLDER.sub("{customer}", name) if len(PLACEHOLDER.findall(name)) == 1 else ""
    return filled if PATTERN.fullmatch(filled) else ""


def _same(one: str, other: str) -> bool:
    """Whether two git URLs mean one repository: ssh and https, with and without .git."""
    plain = [re.sub(r"^([a-z+]+://)?([^@/]*@)?", "", url.strip().lower()).replace(":", "/") for url in (one, other)]
    return plain[0].removesuffix("/").removesuffix(".git") == plain[1].removesuffix("/").removesuffix(".git")


def _told(group: Group) -> str:
    """The files, shortly: the first one and how many more."""
    files = sorted({m.file for m in group.values()})
    return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def _carry(images: Sequence[FoundImage], group: Group) -> bool:
    """Whether images stand in these very objects."""
    files = {m.file for m in group.values()}
    return any(t.why in files for i in images for t in i.targets)
