"""Every customer as the GitOps repository has it, and one of each kind as a release would look at it."""

import re
from collections.abc import Iterator

from deployments.doctor.finding import Finding, from_error, ok, warning, wrong
from tasks.config.model import Config
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.gitops.fleet import read_fleet
from tasks.models import Image, Release
from tasks.rollout import http, verify
from tasks.rollout.sight import Waiting
from tasks.rollout.synced import Synced

SHOWN = 5
COMMIT = re.compile(r"[0-9a-f]{7,40}")
NO_COMMIT, NO_DIGEST = "0" * 40, "sha256:" + "0" * 64


def read(config: Config) -> Iterator[Finding]:
    """The fleet: whoever cannot be read would be left out of a release."""
    area = "customers"
    fleet = read_fleet(config)
    bad = [c for c in fleet.customers if c.problem]
    for customer in bad[:SHOWN]:
        assert customer.problem is not None  # noqa: S101 - chosen for it
        where = f" ({customer.problem.where})" if customer.problem.where else ""
        what = customer.problem.what.removeprefix(f"{customer.name}: ")
        yield warning(area, f"{customer.name}: {what}{where}", customer.problem.next_step or "see `slipway status`")
    if len(bad) > SHOWN:
        yield warning(area, f"{len(bad) - SHOWN} more cannot be promoted", "see `slipway status`")
    if not fleet.customers:
        yield wrong(area, "there is no customer", "see whether gitops.targets names the right files")
    else:
        yield ok(area, f"{len(fleet.customers) - len(bad)} of {len(fleet.customers)} can be promoted")


def seen(config: Config) -> Iterator[Finding]:
    """Asks for one customer of each server that is asked, as after a release; only whether an answer comes counts."""
    names = [c.name for c in read_fleet(config).customers]
    if config.rollout.verify == "http":
        yield from (_by_http(config, name) for name in names[:1])
        return
    way = verify.WAYS[config.rollout.verify](
        _without_writing(config), _nothing(config), {c: Synced(c, "", lambda _: False) for c in names}
    )
    firsts: dict[str, str] = {}
    for name in names:
        firsts.setdefault(_server(config, way, name), name)
    for name in list(firsts.values())[:SHOWN]:
        yield from _sight(way, name)


def _by_http(config: Config, customer: str) -> Finding:
    """A customer that is down is the customer's trouble: a release goes on to it all the same."""
    answers = http.ask(config, customer)
    silent = [f"{component}: {said}" for component, said in answers.items() if not COMMIT.fullmatch(said)]
    where = f"{customer} at {config.rollout.address(customer)}"
    if silent:
        return warning("rollout", f"{where}: {'; '.join(silent)}", "correct rollout.versions, or see why it is down")
    return ok("rollout", f"{where} answers its versions")


def _server(config: Config, way: verify.Way, customer: str) -> str:
    """What tells the servers apart; without a selector Argo CD's key is the customer itself."""
    argocd = config.rollout.argocd
    if argocd is not None:
        return argocd.url.replace("{customer}", customer)
    return way.key(customer) if way.key else ""


def _sight(way: verify.Way, customer: str) -> Iterator[Finding]:
    sight = way.look([customer])[customer]
    if isinstance(sight, SlipwayError):
        yield from from_error("rollout", sight, "warning" if isinstance(sight, ServiceUnavailable) else "wrong")
    elif isinstance(sight, Waiting) and sight.missing:
        yield warning("rollout", f"{customer}: {sight.words}", "correct the names in the section rollout")
    else:
        yield ok("rollout", f"{customer} answers at {way.where(customer)}")


def _without_writing(config: Config) -> Config:
    """Argo CD is not asked to compare anew: that would be an order, not a question."""
    if config.rollout.argocd is None:
        return config
    calm = config.rollout.argocd.model_copy(update={"refresh": False})
    return config.model_copy(update={"rollout": config.rollout.model_copy(update={"argocd": calm})})


def _nothing(config: Config) -> Release:
    """A release that nobody runs."""
    images = tuple(
        Image(
            component=name,
            repository=component.image,
            digest=NO_DIGEST,
            revision=NO_COMMIT,
            tree=NO_COMMIT,
            built=False,
            seconds=0,
        )
        for name, component in config.components.items()
    )
    return Release(commit=NO_COMMIT, subject="", images=images, head=None)
