"""Drift: what customers really run beside what the GitOps repository states, by one look at each."""

from collections.abc import Callable, Sequence

from tasks.config.model import Config
from tasks.errors import SlipwayError, Superseded
from tasks.models import Release, Sighting, Version
from tasks.rollout.sight import Seen, Sight
from tasks.rollout.synced import Carries
from tasks.rollout.verify import look_once

CarriesFor = Callable[[Release, str], Carries]


def look(config: Config, versions: Sequence[Version], tip: str, carries_for: CarriesFor) -> tuple[Sighting, ...]:
    """One look at each customer of these versions. What fails for one version, or one customer, hides no other."""
    found: list[Sighting] = []
    for version in versions:
        release = release_of(version)
        try:
            sights = look_once(config, release, version.customers, lambda c, r=release: carries_for(r, c), tip)
        except SlipwayError as error:  # it concerns all of them, such as a certificate file that is not there
            sights = dict.fromkeys(version.customers, error)
        found += [_sighting(customer, sights[customer]) for customer in version.customers]
    return tuple(found)


def release_of(version: Version) -> Release:
    """A version as the release that put it there."""
    return Release(commit=version.release, subject="", images=version.images, head=version.head)


def _sighting(customer: str, sight: Sight) -> Sighting:
    if isinstance(sight, Seen):
        return Sighting(customer=customer, seen="as stated", words=sight.words)
    if isinstance(sight, SlipwayError):
        other, words = isinstance(sight, Superseded), sight.reasons[0].what
    else:
        other, words = not (sight.missing or sight.silent), sight.words
    return Sighting(customer=customer, seen="something else" if other else "not seen", words=words)
