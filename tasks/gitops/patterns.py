"""Which part of a path, or which key of a file for all, is the customer: by comparing places of the same shape."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from tasks.gitops.layout import is_name
from tasks.gitops.sites import Site
from tasks.yaml_path import Entry, Step

HOLDERS = (
    *("customers", "customer", "tenants", "tenant", "clients", "client", "environments", "environment", "envs"),
    *("env", "overlays", "overlay", "clusters", "cluster", "instances", "instance", "sites", "stages", "stage"),
    *("installations"),
)
# Folders, files and keys that are no customer's.
NOT_CUSTOMERS = frozenset(
    [
        *(
            "base",
            "bases",
            "common",
            "shared",
            "template",
            "templates",
            "chart",
            "charts",
            "default",
            "defaults",
            "global",
        ),
        *("component", "components", "library", "lib", "example", "examples", "infrastructure", "infra", "platform"),
        *("system", "argocd", "argo-cd", "flux", "flux-system", "crds", "docs", "scripts", "test-fixtures", "modules"),
        *(
            "all",
            "values",
            "kustomization",
            "deployment",
            "deployments",
            "image",
            "images",
            "release",
            "helmrelease",
            "app",
        ),
        *(
            "apps",
            "application",
            "applications",
            "spec",
            "source",
            "sources",
            "helm",
            "parameters",
            "kustomize",
            "data",
        ),
        *(
            "containers",
            "initcontainers",
            "tag",
            "digest",
            "global",
            "cronjob",
            "statefulset",
            "job",
            "service",
            "ingress",
        ),
        *(
            "main",
            "config",
            "overlays",
            "customers",
            "environments",
            "clusters",
            "tenants",
            "manifests",
            "k8s",
            "resources",
        ),
    ]
)
NOT_HOLDERS = (
    "charts",
    "chart",
    "templates",
    "components",
    "modules",
    "lib",
    "library",
    "base",
    "examples",
    "services",
)
# Words beside the customer in a file's name.
SURROUNDINGS = frozenset(
    [
        "values",
        "image",
        "images",
        "env",
        "config",
        "release",
        "helmrelease",
        "app",
        "overlay",
        "deployment",
        "application",
        "kustomization",
        "customer",
        "tenant",
        "versions",
    ]
)
KIND_RANK = {"image": 3, "manifest": 2, "path": 1}
PRODUCTION = re.compile(r"(^|/)prod(uction)?(/|-|\.)")


class Pattern(NamedTuple):
    """A target's words with {customer} where the name stands."""

    file: str
    kind: str
    name: str = ""
    path: str = ""
    repository: str = ""


@dataclass(frozen=True)
class Candidate:
    """A pattern and the sites that it means, one for each customer; sorted by `merit`."""

    pattern: Pattern
    sites: dict[str, Site]
    merit: tuple[int, ...] = ()

    @property
    def customers(self) -> tuple[str, ...]:
        """Names of the customers, sorted."""
        return tuple(sorted(self.sites))


def choose(sites: Sequence[Site], ours: Sequence[str]) -> tuple[list[Candidate], list[Candidate]]:
    """The patterns that together mean the most customers, best first; and those that would mean the same ones again.

    `ours` are names of the app and its components, which are no customers.
    """
    candidates = [c for c in _candidates(sites, frozenset(ours)) if _is_plausible(c)]
    chosen: list[Candidate] = []
    while best := _best(candidates, chosen):
        chosen.append(best)
        files = {s.file for s in best.sites.values()} if "{customer}" in best.pattern.file else set()
        left = [_without(c, files) for c in candidates if c.pattern.file != best.pattern.file]
        candidates = [c for c in left if c.sites]
    return chosen, _others(candidates, chosen)


def _best(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the most customers that no chosen one has; later ones must look like the first."""
    known = {c for b in chosen for c in b.sites}
    fresh = [(len(set(c.sites) - known), c) for c in candidates]
    fresh = [(n, c) for n, c in fresh if n and (not chosen or _fits(c, chosen))]
    if not fresh:
        return None
    return max(fresh, key=lambda f: (f[0], f[1].merit, [-ord(c) for c in str(f[1].pattern)]))[1]


def _fits(candidate: Candidate, chosen: Sequence[Candidate]) -> bool:
    """Whether more customers stand where the first ones do; elsewhere a name may be anything."""
    return any(_holder(candidate.pattern.file) == _holder(c.pattern.file) for c in chosen)


def _others(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> list[Candidate]:
    """What was equally possible: most of the same customers in other files, or as many names in another part."""
    most = max((len(c.sites) for c in chosen), default=0)
    found = [c for c in candidates if len(c.sites) >= max(2, most)]
    return sorted(found, key=lambda c: (*(-m for m in c.merit), c.pattern))[:3]


def _without(candidate: Candidate, files: set[str]) -> Candidate:
    left = {c: s for c, s in candidate.sites.items() if s.file not in files}
    return Candidate(candidate.pattern, left, candidate.merit)


def _candidates(sites: Sequence[Site], ours: frozenset[str]) -> list[Candidate]:
    found: dict[Pattern, dict[str, list[Site]]] = defaultdict(lambda: defaultdict(list))
    quality: dict[Pattern, int] = {}
    for site in sites:
        for pattern, customer, good in _readings(site, ours):
            found[pattern][customer].append(site)
            quality[pattern] = max(quality.get(pattern, -9), good)
    return [
        Candidate(pattern, single, _merit(pattern, single, quality[pattern]))
        for pattern, by_customer in found.items()
        if (single := {c: s[0] for c, s in by_customer.items() if len(s) == 1})
    ]


def _merit(pattern: Pattern, sites: dict[str, Site], quality: int) -> tuple[int, ...]:
    held = _holder(pattern.file).rpartition("/")[2] in HOLDERS or _key_holder(pattern.path) in HOLDERS
    return (
        quality,
        int(held),
        int("{customer}" in pattern.file),
        int(bool(PRODUCTION.search(pattern.file))),
        -pattern.file.count("*"),
        KIND_RANK[pattern.kind],
        int(bool(pattern.repository)),
        sum(s.strong for s in sites.values()),
        -len(pattern.file),
    )


def _is_plausible(candidate: Candidate) -> bool:
    """Two names are a pattern; a single one is only where the folder above says what stands in it."""
    holder = _holder(candidate.pattern.file).rpartition("/")[2]
    if "{customer}" in candidate.pattern.file and holder in NOT_HOLDERS:
        return False
    return len(candidate.sites) > 1 or bool(candidate.merit[1])


def _readings(site: Site, ours: frozenset[str]) -> Iterator[tuple[Pattern, str, int]]:
    """Every way to read a site: pattern, customer, and how natural it is (1: words beside it are no name)."""
    parts = site.file.split("/")
    for at, part in enumerate(parts):
        for before, name, after, good in _splits(part, at == len(parts) - 1, ours):
            if may_be_customer(name, ours):
                yield from ((p, name, good) for p in _with_stars(parts, at, f"{before}{{customer}}{after}", name, site))
    alone = site.kind == "path" and not _is_held(parts)
    for step in dict.fromkeys(_texts(site.way)) if alone else ():
        if may_be_customer(step, ours):
            pattern = _pattern(site, site.file, step)
            if pattern.path.count("{customer}"):
                yield pattern, step, 0


def _is_held(parts: Sequence[str]) -> bool:
    """Whether a folder of the path says that what follows is a customer: then no key of the file is one."""
    stems = [p.partition(".")[0] for p in parts]
    return any(a in HOLDERS and may_be_customer(b) for a, b in zip(stems, stems[1:], strict=False))


def may_be_customer(name: str, ours: frozenset[str] = frozenset()) -> bool:
    """Whether a name of this form may be a customer's: a DNS label that is not one of the usual other folders."""
    return is_name(name) and name not in NOT_CUSTOMERS and name not in ours and not name.isdigit()


def _splits(part: str, is_file: bool, ours: frozenset[str]) -> Iterator[tuple[str, str, str, int]]:
    """What of a folder's or a file's name may be the customer: all of it, or what follows or leads a usual word."""
    if not is_file:
        yield "", part, "", 0
        return
    stem, ending = re.fullmatch(r"(.*?)((?:\.ya?ml)?)", part).groups()  # type: ignore[union-attr]
    yield "", stem, ending, 0
    for cut in list(re.finditer(r"[-._]", stem))[:6]:
        left, right = stem[: cut.start()], stem[cut.end() :]
        if _surrounds(left, ours):
            yield left + cut[0], right, ending, 1
        if _surrounds(right, ours):
            yield "", left, cut[0] + right + ending, 1


def _surrounds(text: str, ours: frozenset[str]) -> bool:
    return text in ours or all(w in SURROUNDINGS or w in ours for w in re.split(r"[-._]", text))


def _with_stars(parts: Sequence[str], at: int, own: str, name: str, site: Site) -> Iterator[Pattern]:
    """The path with the customer in one part (and wherever the name stands again), alone and with one other folder open."""
    filled = [own if n == at else _renamed(p, name) for n, p in enumerate(parts)]
    yield _pattern(site, "/".join(filled), name)
    if site.kind == "manifest":  # by its place, for the case that each customer has a registry of its own
        yield _pattern(site, "/".join(filled), name, by_way=True)
    for star in range(len(parts) - 1):
        if star != at and "{customer}" not in filled[star] and filled[star] not in HOLDERS:
            yield _pattern(site, "/".join("*" if n == star else p for n, p in enumerate(filled)), name)


def _renamed(text: str, name: str) -> str:
    """The customer's name as a word of its own -> {customer}."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", "{customer}", text) if len(name) > 1 else text


def _pattern(site: Site, file: str, name: str, by_way: bool = False) -> Pattern:
    if site.kind != "path" and not by_way:
        return Pattern(file, site.kind, site.name)
    return Pattern(file, "path", "", path_text(site.way, name), path_text(site.beside, name))


def path_text(way: Sequence[Step], customer: str = "") -> str:
    """A way as `release.yaml` writes it, with {customer} for steps that are the customer's name."""
    text = ""
    for step in way:
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, Entry):
            text += f"[{step.key}={_named(step.value, customer)}]"
        else:
            key = _named(step, customer)
            plain = "{" in key or not re.search(r"[.\[\]]", key)
            text += ("." if text else "") + (key if plain else f'"{key}"')
    return text


def _named(text: str, customer: str) -> str:
    return "{customer}" if customer and text == customer else text


def _texts(way: Sequence[Step]) -> Iterator[str]:
    yield from (s.value if isinstance(s, Entry) else s for s in way if not isinstance(s, int))


def _holder(file: str) -> str:
    """The folder that the customers are in; of a file for all, the file."""
    before = file.partition("{customer}")[0]
    return str(PurePosixPath(before.rpartition("/")[0])) if "{customer}" in file else file


def _key_holder(path: str) -> str:
    """The key that the customers are under."""
    before = re.sub(r"\[[^\[\]]*\]?", "", path.partition("{customer}")[0])
    return (re.findall(r"[\w-]+", before) or [""])[-1]
