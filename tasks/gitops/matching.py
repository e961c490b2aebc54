"""Which component an image belongs to, by the words of its name, or of the keys and folders where only a tag stands."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tasks.gitops.sites import Site

SIDECARS = frozenset(
    [
        *("postgres", "postgresql", "pgbouncer", "redis", "valkey", "memcached", "rabbitmq", "kafka", "nats", "mysql"),
        *(
            "mariadb",
            "mongo",
            "mongodb",
            "elasticsearch",
            "opensearch",
            "minio",
            "nginx",
            "traefik",
            "envoy",
            "haproxy",
        ),
        *("caddy", "busybox", "alpine", "curl", "oauth2-proxy", "cloudsql-proxy", "cloud-sql-proxy", "fluent-bit"),
        *(
            "fluentd",
            "vector",
            "otel-collector",
            "opentelemetry-collector",
            "prometheus",
            "grafana",
            "keycloak",
            "vault",
        ),
        *("kubectl", "istio-proxy", "proxyv2", "linkerd-proxy", "pause", "git-sync", "postgres-exporter", "debian"),
    ]
)
ALIKE = 0.75
EXACT, APP_AND_NAME, PARTS, FOLDER, SIMILAR, ONLY_ONE = 6, 5, 4, 3, 2, 1


@dataclass(frozen=True)
class Match:
    """A component for an image; `rank` says how well, and from SIMILAR down it is a guess."""

    component: str
    rank: int

    @property
    def sure(self) -> bool:
        """Whether the name itself says it."""
        return self.rank > SIMILAR


def match(sites: Sequence[Site], app: str, components: Sequence[str]) -> dict[Site, Match]:
    """The component of each site; a component has one image name, the one that fits best."""
    names = sorted({s.repository for s in sites if s.repository})
    images = {n: m for n in names if (m := by_name(n, app, components))}
    images = _best_of_each(images)
    images |= _last_pair([n for n in names if n not in images], images, components, sites)
    found: dict[Site, Match] = {}
    for site in sites:
        matched = images.get(site.repository) if site.repository else _by_place(site, app, components)
        if matched and (site.strong or matched.sure or not site.repository):
            found[site] = matched
    return found


def by_name(image: str, app: str, components: Sequence[str]) -> Match | None:
    """The component that an image's name fits best; of two that fit equally well the longer name."""
    ranked = [(_rank(image, app, c), len(c), c) for c in components]
    rank, _, component = max(ranked, default=(0, 0, ""))
    if not rank or (is_sidecar(image) and rank < EXACT):
        return None
    return Match(component, rank)


def is_sidecar(image: str) -> bool:
    """Whether this is a well known program that runs beside apps."""
    return image.rpartition("/")[2] in SIDECARS


def words(text: str) -> list[str]:
    """`backendImageTag`, `shop/back-end` -> their words in lower case."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)]


def _rank(image: str, app: str, component: str) -> int:
    last, wanted = image.rpartition("/")[2], words(component)
    own = words(last)
    if own == wanted:
        return EXACT
    if own in (words(app) + wanted, wanted + words(app)):
        return APP_AND_NAME
    if set(wanted) <= set(own) or (set(own) <= set(wanted) and own != words(app)):
        return PARTS
    if component in image.split("/")[:-1]:
        return FOLDER
    return SIMILAR if SequenceMatcher(None, last, component).ratio() >= ALIKE else 0


def _best_of_each(images: Mapping[str, Match]) -> dict[str, Match]:
    """Of several image names for one component those whose last part is the best one's: the others are other images."""
    best: dict[str, tuple[int, str]] = {}
    for name, matched in sorted(images.items()):
        rank, last = best.get(matched.component, (0, ""))
        if matched.rank > rank:
            best[matched.component] = (matched.rank, name.rpartition("/")[2])
    return {n: m for n, m in images.items() if n.rpartition("/")[2] == best[m.component][1]}


def _last_pair(
    names: Iterable[str], images: Mapping[str, Match], components: Sequence[str], sites: Sequence[Site]
) -> dict[str, Match]:
    """One component and one image are left: they are taken to belong together."""
    firm = {s.repository for s in sites if s.strong}
    left = [n for n in names if not is_sidecar(n) and n in firm]
    lasts = Counter(n.rpartition("/")[2] for n in left)
    without = sorted(set(components) - {m.component for m in images.values()})
    return {n: Match(without[0], ONLY_ONE) for n in left} if len(without) == len(lasts) == 1 else {}


def _by_place(site: Site, app: str, components: Sequence[str]) -> Match | None:
    """A tag or digest without a name: the component whose words stand in its keys, else in its folders."""
    for text, rank in ((" ".join(site.keys), PARTS), (site.file, FOLDER)):
        there = words(text)
        fitting = [c for c in components if set(words(c)) <= set(there)]
        if fitting:
            return Match(max(fitting, key=lambda c: (len(words(c)), c)), rank)
    return Match(components[0], ONLY_ONE) if len(components) == 1 and site.strong else None
