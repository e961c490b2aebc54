"""The distinct versions of the app that customers run, newest first."""

from collections.abc import Mapping

from tasks.config.model import Config
from tasks.git import Mirror
from tasks.models import Customer, Deployed, Fleet, Image, Version


def versions(config: Config, fleet: Fleet) -> tuple[Version, ...]:
    """One for each set of digests that a customer's last release put there, of the newest release that has it.

    Customers whose files cannot be read, or say another image than their release, run no version that is known. A component
    that `release.yaml` no longer has is left out.
    """
    found: dict[tuple[tuple[str, str], ...], list[Customer]] = {}
    for customer in fleet.customers:
        if digests := _digests(config, customer):
            found.setdefault(digests, []).append(customer)
    place = _places(config)
    ordered = [sorted(c, key=lambda c: place.get(c.release or "", len(place))) for c in found.values()]
    ordered.sort(key=lambda c: place.get(c[0].release or "", len(place)))
    return tuple(_version(config, customers) for customers in ordered)


def _digests(config: Config, customer: Customer) -> tuple[tuple[str, str], ...]:
    if not customer.release or customer.problem or any(customer.is_by_hand(name) for name in customer.runs):
        return ()
    return tuple(sorted((n, d.digest) for n, d in customer.components.items() if n in config.components))


def _places(config: Config) -> Mapping[str, int]:
    """Commit -> how far it is behind main's tip on the first-parent line; one git process for all of them."""
    mirror = Mirror.open(config.app.repository)
    tip = mirror.fetch(config.app.branch)
    return {commit: n for n, commit in enumerate(mirror.run("rev-list", "--first-parent", tip).split())}


def _version(config: Config, customers: list[Customer]) -> Version:
    newest = customers[0]
    components = {name: d for name, d in newest.components.items() if name in config.components}
    return Version(
        release=newest.release or "",
        images=tuple(_image(config, name, deployed) for name, deployed in components.items()),
        customers=tuple(c.name for c in customers),
        head=newest.head,
    )


def _image(config: Config, component: str, deployed: Deployed) -> Image:
    repository = config.components[component].image
    return Image(component=component, repository=repository, built=False, seconds=0, **deployed.model_dump())
