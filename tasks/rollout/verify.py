"""The door: sees customers running a release in the way that `release.yaml` chooses."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.models import Release
from tasks.rollout import http
from tasks.rollout.argocd import Applications
from tasks.rollout.cluster import Clusters
from tasks.rollout.flux import Reconciliations
from tasks.rollout.kubernetes import Workloads
from tasks.rollout.sight import Seen, Sight
from tasks.rollout.synced import Carries, Synced
from tasks.rollout.watch import LOOKS_AT_ONCE, Ending, Lane, Look, sights_of, watch


def verify_customer(config: Config, release: Release, customer: str, commit: str, carries: Carries) -> dict[str, str]:
    """Waits until a customer runs the release; returns component -> what it runs: a commit by http, else a digest.

    `commit` is the GitOps commit that carries the release, `carries` answers for others (see `synced.Carries`).
    Raises `ServiceUnavailable` with its last state when the limit passes, `Superseded` when other digests came after
    the release, `ReleaseRefused` when it will not run the release without a person.
    """
    ending = verify_customers(config, release, [customer], lambda _: carries, commit)[customer]
    if isinstance(ending, SlipwayError):
        raise ending
    return ending.versions


def verify_customers(
    config: Config,
    release: Release,
    customers: Iterable[str],
    carries_for: Callable[[str], Carries],
    commit: str = "",
) -> dict[str, Seen | SlipwayError]:
    """As `verify_customer` for many at once: customer -> what it was seen running, or the error it ended with.

    `carries_for` makes each customer's `carries`; it is called once for each, and the result by several threads, but
    never by two for one customer. Raises `ReleaseRefused` only for what concerns all, such as a ca_file that is not there.
    """
    names = list(dict.fromkeys(customers))
    synced = {c: Synced(c, commit, carries_for(c)) for c in names}
    way = WAYS[config.rollout.verify](config, release, synced)
    return watch(_lanes(way, names), config.rollout.timeout)


def look_once(
    config: Config, release: Release, customers: Iterable[str], carries_for: Callable[[str], Carries], commit: str = ""
) -> dict[str, Sight]:
    """One look at each of many customers, nobody is waited for: customer -> what was seen. Takes what `verify_customers` takes."""
    names = list(dict.fromkeys(customers))
    synced = {c: Synced(c, commit, carries_for(c)) for c in names}
    lanes = _lanes(WAYS[config.rollout.verify](config, release, synced), names)
    with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look") as pool:
        looks = [pool.submit(copy_context().run, sights_of, lane) for lane in lanes]
        return {customer: sight for look in looks for customer, sight in look.result().items()}


@dataclass(frozen=True)
class Way:
    """How customers are seen: `key` puts those together that one look shows, None looks at each by itself."""

    look: Look
    where: Callable[[str], str]
    key: Callable[[str], str] | None = None


def _lanes(way: Way, customers: Sequence[str]) -> list[Lane]:
    groups: dict[str, list[str]] = {}
    for customer in customers:
        groups.setdefault(way.key(customer) if way.key else customer, []).append(customer)
    return [Lane(customers=group, look=way.look, where=way.where) for group in groups.values()]


def _http(config: Config, release: Release, synced: dict[str, Synced]) -> Way:
    return Way(http.looking(config, release), config.rollout.address)


def _argocd(config: Config, release: Release, synced: dict[str, Synced]) -> Way:
    applications = Applications(config, release, synced)
    return _with_pods(config, release, Way(applications.look, applications.where, applications.key))


def _kubernetes(config: Config, release: Release, synced: dict[str, Synced]) -> Way:
    clusters = Clusters(config.rollout.cluster)
    workloads = Workloads(config, release, clusters)
    return Way(workloads.look, workloads.where, clusters.key)


def _flux(config: Config, release: Release, synced: dict[str, Synced]) -> Way:
    clusters = Clusters(config.rollout.cluster)
    flux = Reconciliations(config, release, clusters, synced)
    return _with_pods(config, release, Way(flux.look, flux.where, clusters.key))


def _with_pods(config: Config, release: Release, way: Way) -> Way:
    """Lets the pods' digests be looked at where the way itself is satisfied, if `rollout.kubernetes` is given."""
    if config.rollout.kubernetes is None:
        return way
    pods = _kubernetes(config, release, {})

    def look(customers: Sequence[str]) -> dict[str, Sight]:
        sights = dict(way.look(customers))
        return sights | _both(sights, pods.look, pods.key or str)

    return Way(look, way.where, way.key)


def _both(sights: dict[str, Sight], look: Look, key: Callable[[str], str]) -> dict[str, Sight]:
    """The sights by pods of those who passed the first look, cluster by cluster."""
    groups: dict[str, list[str]] = {}
    for customer, sight in sights.items():
        if isinstance(sight, Seen):
            groups.setdefault(key(customer), []).append(customer)
    found: dict[str, Sight] = {}
    for group in groups.values():
        found |= look(group)
    return {c: _after(sights[c], sight) for c, sight in found.items()}


def _after(first: Sight, second: Sight) -> Sight:
    """The second sight, told after the first."""
    before = first.words if isinstance(first, Seen) else ""
    if isinstance(second, Seen):
        return second.model_copy(update={"words": f"{before}, {second.words}"})
    if isinstance(second, SlipwayError):
        return second
    return second._replace(words=f"{before}; {second.words}")


WAYS: dict[str, Callable[[Config, Release, dict[str, Synced]], Way]] = {
    "http": _http,
    "argocd": _argocd,
    "kubernetes": _kubernetes,
    "flux": _flux,
}

__all__ = ["Carries", "Ending", "Seen", "Sight", "look_once", "verify_customer", "verify_customers"]
