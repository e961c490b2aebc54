"""The plan: what a release will change at every customer, or why it will not; nothing is written."""

from tasks.config.model import Config
from tasks.failpoints import reach
from tasks.gitops.edit import compute, promotion
from tasks.gitops.layout import Layout
from tasks.gitops.order import Order
from tasks.gitops.tip import Tip
from tasks.models import Fleet, Plan, Release, RingPlan


def make_plan(config: Config, release: Release, fleet: Fleet) -> Plan:
    """One promotion per customer, in ring order, from the commit that the fleet was read at."""
    layout, order = Layout.of(config, Tip.read(config, fleet.tip)), Order(config, release.commit)
    layout.load(c.name for c in fleet.customers)
    promotions = [promotion(config, release, c.name, compute(layout, order, release, c.name)) for c in fleet.customers]
    rings = tuple(
        RingPlan(
            name=ring.name,
            approve=ring.approve,
            soak_seconds=ring.soak,
            promotions=tuple(p for p in promotions if p.ring == ring.name),
        )
        for ring in config.rings
    )
    reach("plan:made")
    return Plan(release=release, tip=fleet.tip, rings=rings)
