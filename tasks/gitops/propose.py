"""A ring as a proposal: its commit on a branch of its own, for a pull request, and what became of it once that was merged."""

import logging
from collections.abc import Mapping

from tasks.config.model import Config
from tasks.errors import ServiceUnavailable
from tasks.failpoints import reach
from tasks.git import GitFailed, Mirror
from tasks.gitops.again import MOVES, again, are_present
from tasks.gitops.commit import require_on_main
from tasks.gitops.freeze import require_open
from tasks.gitops.layout import Layout
from tasks.gitops.ring_commit import RingWriter
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import CommitId, Edits, Promotion, Proposal, Release, ReleaseRequest, RingCommit, RingPlan

log = logging.getLogger(__name__)


def propose(
    config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, edits: Edits, trailers: Mapping[str, str]
) -> Proposal:
    """Puts the ring's commit on the branch `slipway/APP/RING/COMMIT`, which is ours alone.

    The branch is moved by compare-and-swap too: from what it was to what it shall be. A second run finds it there. Without
    anything to write there is no branch. Raises what `commit.commit_ring` raises.
    """
    if any(e.files for e in edits.edits):
        require_open(config, request, ring.name)
    require_on_main(config, release)
    writer, branch = RingWriter.of(config, request, release, ring.name, trailers), name(config, release, ring)
    mirror = writer.mirror
    if not are_present(mirror, edits.edits):
        edits = again(config, release, edits.tip, edits, present=False)
    if (commit := writer.write(edits)) is None:
        return Proposal(branch=branch, head=None, edits=edits)
    there = mirror.remote_head(branch)
    if there != commit:
        _push(mirror, branch, there, commit)
    log.info("ring %s: proposed as %s on %s", ring.name, commit[:7], branch)
    return Proposal(branch=branch, head=commit, edits=edits)


def name(config: Config, release: Release, ring: RingPlan) -> str:
    """The branch of a ring's proposal: the same for every attempt."""
    return f"slipway/{config.app.name}/{ring.name}/{release.commit[:12]}"


def plan_now(config: Config, release: Release, edits: Edits) -> Edits:
    """The same edits from where the branch is now: they are to be proposed again when they say something else.

    A remote that does not answer has said nothing else yet.
    """
    try:
        tip = Mirror.open(config.gitops.repository).fetch(config.gitops.branch)
    except ServiceUnavailable as error:
        log.warning("%s", error)
        return edits
    return edits if tip == edits.tip else again(config, release, tip, edits)


def merged(config: Config, release: Release, ring: RingPlan, proposal: Proposal, commit: CommitId) -> RingCommit:
    """What the merge really brought: forges merge text, so each customer's images are read where it was merged."""
    mirror = Mirror.open(config.gitops.repository)
    if not mirror.has_commit(commit):
        mirror.fetch(config.gitops.branch)
    layout = Layout.of(config, Tip.read(config, commit))
    promotions = tuple(_arrived(layout, release, p) for p in proposal.edits.promotions)
    return RingCommit(ring=ring.name, commit=commit, created=True, promotions=promotions)


def withdraw(config: Config, proposal: Proposal) -> None:
    """Removes the branch of a proposal that has ended, if it still is where we left it; one that cannot be removed stays."""
    mirror = Mirror.open(config.gitops.repository)
    try:
        if proposal.head and mirror.remote_head(proposal.branch) == proposal.head:
            lease = _lease(proposal.branch, proposal.head)
            mirror.run("push", "--quiet", lease, mirror.url, f":{_ref(proposal.branch)}")
    except (GitFailed, ServiceUnavailable) as error:  # the forge may remove it at the same moment, or keep it by a rule
        log.info("%s stays: %s", proposal.branch, error)


def _arrived(layout: Layout, release: Release, promotion: Promotion) -> Promotion:
    if promotion.standing not in MOVES:
        return promotion
    try:
        runs = {i.component: layout.runs(i.component, promotion.customer) for i in release.images}
    except CannotEdit as error:
        return promotion.model_copy(update={"standing": "conflict", "because": f"after the merge: {error.problem}"})
    other = [f"{i.component} is {runs[i.component][:19]}" for i in release.images if runs[i.component] not in i.names]
    if not other:
        return promotion
    because = f"merged, but {', '.join(other)}: somebody changed it in the pull request or beside it"
    return promotion.model_copy(update={"standing": "conflict", "because": because})


def _push(mirror: Mirror, branch: str, there: str | None, commit: str) -> None:
    reach("proposal:before")
    try:
        mirror.run("push", "--quiet", _lease(branch, there or ""), mirror.url, f"+{commit}:{_ref(branch)}")
    except GitFailed as error:
        if mirror.remote_head(branch) != commit:
            raise ServiceUnavailable.because(
                f"the branch {branch} could not be pushed: {error.output}",
                mirror.url,
                "see the push rights for branches under slipway/, then retry this run",
            ) from error
    reach("proposal:after")


def _lease(branch: str, there: str) -> str:
    return f"--force-with-lease={_ref(branch)}:{there}"


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"
