"""How long a ring soaks, also where this release had nothing to write in it: it runs these images already."""

import time

from tasks.config.model import Config
from tasks.gitops import state
from tasks.gitops.tip import Tip
from tasks.models import Plan, RingCommit, RingPlan


def soak_seconds(config: Config, plan: Plan, ring: RingPlan, commit: RingCommit) -> float:
    """How long the ring is to soak: all of it when it was just written, else what is left, and only where somebody moves behind it."""
    if commit.created:
        return ring.soak_seconds
    behind = plan.rings[[r.name for r in plan.rings].index(ring.name) + 1 :]
    return soak_left(config, commit, ring.soak_seconds) if any(r.moving for r in behind) else 0.0


def soak_left(config: Config, commit: RingCommit, seconds: float) -> float:
    """What is left of so many seconds since the branch last got a release for any of the ring's customers; 0 when it is over.

    A newer commit without new images, or the same release after Cancel, would else send on at once what nobody has watched
    for long. Holds are no release; whoever of the ring is held or was refused does not run these images.
    """
    names = [p.customer for p in commit.promotions if p.standing == "unchanged"]
    if not names or not seconds:
        return 0.0
    mirror = Tip.read(config, commit.commit).mirror
    # A pull request counts from its merge: the branch's own line is asked, not where the merged commit came from.
    newest = ("log", "--first-parent", "--max-count=1", "--format=%ct", "--invert-grep", "--grep=^Slipway-Hold-")
    written = mirror.run(*newest, commit.commit, "--", *map(state.path, names))
    return max(0.0, int(written) + seconds - time.time()) if written else 0.0
