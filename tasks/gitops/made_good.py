"""When an override is made good: the gate has passed since on what customers run, or nobody runs what it let pass."""

from collections.abc import Iterable, Mapping, Sequence

from tasks.config.model import Config
from tasks.git import Mirror
from tasks.models import Customer, Fleet, OpenOverride, Tested


def made_good(
    config: Config, fleet: Fleet, entries: Iterable[OpenOverride], tested: Sequence[Tested]
) -> dict[str, str]:
    """Id -> why, of the overrides that may be closed.

    e2e: the full suite passed on the release or a newer one that customers run, and not on a version of the release itself
    it failed. suites: no customer runs a tree any more whose tests had failed; a newer tree was tested by its own release.
    migrations: the same, and a newer release is out, as a rollback leaves the database where it was. freeze and soak: the
    moment is over, one night tells it. Of a customer whose files cannot be read, or say another image than its release,
    nothing is known: what depends on all customers stays open.
    """
    mirror = Mirror.open(config.app.repository)
    found = {}
    for entry in entries:
        if why := _why(mirror, fleet, entry, tested):
            found[entry.id] = why
    return found


def _why(mirror: Mirror, fleet: Fleet, entry: OpenOverride, tested: Sequence[Tested]) -> str:
    match entry.override.gate:
        case "freeze" | "soak":
            return "its moment is over, and a nightly run has told it"
        case "e2e":
            return _tested(mirror, entry, tested) or _left(mirror, fleet, entry)
        case "suites":
            return _replaced(fleet, entry)
    newer = any(_is_newer(mirror, entry, c.release) for c in fleet.customers if c.release)
    return _replaced(fleet, entry) if newer else ""


def _tested(mirror: Mirror, entry: OpenOverride, tested: Sequence[Tested]) -> str:
    if any(t.version.release == entry.release and not t.green for t in tested):
        return ""
    green = [t.version.release for t in tested if t.green and _carries(mirror, entry, t.version.release)]
    return f"the full end-to-end suite passed on {green[0][:7]}" if green else ""


def _left(mirror: Mirror, fleet: Fleet, entry: OpenOverride) -> str:
    if not _known(fleet) or any(_carries(mirror, entry, c.release) for c in fleet.customers if c.release):
        return ""
    return f"no customer runs {entry.release[:7]} or anything newer any more"


def _replaced(fleet: Fleet, entry: OpenOverride) -> str:
    """Without trees nothing is known of what had failed: a person closes it."""
    if not entry.trees or not _known(fleet) or any(_runs(c, entry.trees) for c in fleet.customers):
        return ""
    return f"no customer runs the {', '.join(sorted(entry.trees))} of {entry.release[:7]} any more"


def _runs(customer: Customer, trees: Mapping[str, str]) -> bool:
    return any(name in trees and trees[name] == deployed.tree for name, deployed in customer.components.items())


def _known(fleet: Fleet) -> bool:
    return not any(c.problem or any(c.is_by_hand(name) for name in c.runs) for c in fleet.customers)


def _carries(mirror: Mirror, entry: OpenOverride, release: str) -> bool:
    return release == entry.release or _is_newer(mirror, entry, release)


def _is_newer(mirror: Mirror, entry: OpenOverride, release: str) -> bool:
    """A commit that main no longer has is newer than nothing."""
    there = mirror.has_commit(entry.release) and mirror.has_commit(release)
    return there and release != entry.release and mirror.is_ancestor(entry.release, release)
