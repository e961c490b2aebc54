"""Every customer as the GitOps repository has it, and one of each kind as a release would look at it."""

from collections.abc import Iterator

from deployments.doctor.finding import Finding, from_error, ok, warning, wrong
from tasks.config import Config
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.gitops.fleet import read_fleet
from tasks.models import Image, Release
from tasks.rollout import verify
from tasks.rollout.synced import Synced

SHOWN = 5
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
    area, kind = "rollout", config.rollout.verify
    asked = _without_writing(config)
    customers = [c.name for c in read_fleet(config).customers]
    way = verify.WAYS[kind](asked, _nothing(config), {c: Synced(c, "", lambda _: False) for c in customers})
    lanes: dict[str, str] = {}
    for customer in customers:
        lanes.setdefault(way.key(customer) if way.key and kind != "argocd" else kind, customer)
    for customer in list(lanes.values())[:SHOWN]:
        sight = way.look([customer])[customer]
        if isinstance(sight, SlipwayError):
            # A customer that is down is a customer's trouble; a right that lacks is ours.
            state = "warning" if isinstance(sight, ServiceUnavailable) else "wrong"
            yield from from_error(area, sight, state)
        else:
            yield ok(area, f"{kind}: {customer} answers at {way.where(customer)}")


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
