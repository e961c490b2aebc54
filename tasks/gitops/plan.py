"""The plan: what a release will change at every customer, or why it will not; nothing is written."""

import difflib

from tasks.config import Config
from tasks.gitops.edit import Change, compute
from tasks.gitops.tip import Tip
from tasks.models import Fleet, Plan, Promotion, Release, RingPlan


def make_plan(config: Config, release: Release, fleet: Fleet) -> Plan:
    """One promotion per customer, in ring order, from the commit that the fleet was read at."""
    tip = Tip.read(config, fleet.tip)
    changes = {c.name: compute(config, tip, release, c.name) for c in fleet.customers}
    rings = tuple(
        RingPlan(
            name=ring.name,
            approve=ring.approve,
            soak_seconds=ring.soak,
            promotions=tuple(
                _promotion(c.name, ring.name, changes[c.name]) for c in fleet.customers if c.ring == ring.name
            ),
        )
        for ring in config.rings
    )
    return Plan(release=release, tip=fleet.tip, rings=rings)


def _promotion(customer: str, ring: str, change: Change) -> Promotion:
    diff = "".join(_diff(path, old, new) for path, (old, new) in sorted(change.files.items()))
    return Promotion(
        customer=customer,
        ring=ring,
        standing=change.standing,
        because=change.because,
        current=change.current,
        diff=diff,
    )


def _diff(path: str, old: bytes | None, new: bytes) -> str:
    before = (old or b"").decode("utf-8", "replace").splitlines(keepends=True)
    after = new.decode("utf-8", "replace").splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, f"a/{path}" if old is not None else "/dev/null", f"b/{path}", n=1)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
