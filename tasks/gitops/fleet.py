"""The fleet: every customer as the GitOps repository states it, with what is wrong with single ones."""

import logging
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.gitops import state
from tasks.gitops.layout import Layout
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import CommitId, Customer, Fleet, Reason

log = logging.getLogger(__name__)
SHOWN = 20


def read_fleet(config: Config, commit: CommitId | None = None) -> Fleet:
    """Fetches the GitOps branch and reads every customer at its tip, in ring order, then by name.

    With a `commit` that is here nothing is fetched, and it is read there.

    A customer is there when a target file or a state file of its own is. What is wrong with one becomes its
    `problem`. Raises `ReleaseRefused` when rings name customers that are not there.
    """
    layout = Layout.of(config, Tip.read(config, commit))
    _require_known(config, layout.names)
    rings, order = _in_rings(config, layout.names), [r.name for r in config.rings]
    layout.load(rings)
    ordered = sorted(rings, key=lambda n: (order.index(rings[n]), n))
    reach("fleet:read")
    return Fleet(tip=layout.tip.commit, customers=tuple(customer(layout, n, rings[n]) for n in ordered))


def customer(layout: Layout, name: str, ring: str) -> Customer:
    """One customer out of the contents of its files."""
    try:
        stated = state.of(layout.tip, name)
        runs = {component: layout.runs(component, name) for component in layout.config.components}
    except CannotEdit as error:
        where = error.where or "GitOps repository"
        reason = Reason(what=f"{name}: {error.problem}", where=where, next_step=error.next_step)
        return Customer(name=name, ring=ring, problem=reason)
    done = stated.release
    return Customer(
        name=name,
        ring=ring,
        release=done.commit if done else None,
        components=done.components if done else {},
        runs=runs,
        head=done.head if done else None,
        hold=stated.hold if state.holds(stated.hold) else None,
    )


def ring_of(config: Config, name: str) -> str | None:
    """The ring that names a customer, else the one of all others; None when it stands in none."""
    for ring in config.rings:
        if ring.customers != "*" and name in ring.customers:
            return ring.name
    return next((r.name for r in config.rings if r.customers == "*"), None)


def require_customers(names: Iterable[str], known: Iterable[str]) -> None:
    """Raises `ReleaseRefused` when a name that a person gave is no customer's."""
    known = sorted(known)
    if unknown := sorted(set(names) - set(known)):
        commas = "separate names with spaces; " if any("," in name for name in unknown) else ""
        raise ReleaseRefused.because(
            f"{', '.join(unknown)}: not in the GitOps repository",
            "the command line",
            f"{commas}customers are {_listed(unknown, known)}",
        )


def _listed(unknown: Sequence[str], known: Sequence[str]) -> str:
    """The customers; of many those whose names are like the unknown ones, else the first."""
    if len(known) <= SHOWN:
        return ", ".join(known) or "none yet"
    like = sorted({c for name in unknown[:SHOWN] for c in get_close_matches(name, known, 5)})
    shown = (like or known)[:SHOWN]
    return f"{', '.join(shown)} and {len(known) - len(shown)} more"


def _require_known(config: Config, names: frozenset[str]) -> None:
    missing = [(r.name, c) for r in config.rings if r.customers != "*" for c in r.customers if c not in names]
    if missing:
        raise ReleaseRefused(
            *(
                Reason(
                    what=f"ring {ring} names {name}, which is not in the GitOps repository",
                    where="release.yaml, rings",
                    next_step=f"correct the name or add the customer's files; there are {_listed([name], sorted(names))}",
                )
                for ring, name in missing
            )
        )


def _in_rings(config: Config, names: frozenset[str]) -> dict[str, str]:
    rings = {n: ring_of(config, n) for n in names}
    for name in sorted(n for n, ring in rings.items() if ring is None):
        log.warning("%s: stands in no ring and is left alone", name)
    return {n: ring for n, ring in rings.items() if ring}
