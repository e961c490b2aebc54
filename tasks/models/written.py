"""What was written to the GitOps repository, or is proposed to it."""

from typing import Literal

from pydantic import Field

from tasks.models.plan import Edit, Edits, Promotion, Release
from tasks.models.values import CommitId, Name, Reason, Value


class Proposal(Value):
    """A ring's commit on a branch of its own, to be merged by a pull request; without a head there is nothing to write."""

    branch: str
    head: CommitId | None
    edits: Edits


class RingCommit(Value):
    """The one commit of a ring, as it stands on the GitOps branch; or the plan that has changed since it was approved."""

    ring: Name
    commit: CommitId = Field(description="the commit that carries the ring; the tip when nothing had to be written")
    created: bool
    promotions: tuple[Promotion, ...]
    asks_again: tuple[Edit, ...] | None = Field(
        default=None, description="nothing was written: these edits, made from `commit`, differ from what was approved"
    )


class Back(Value):
    """Where one customer goes back to."""

    customer: Name
    from_commit: CommitId
    to: Release


class RollbackCommit(Value):
    """The commit that put customers back and holds them there, and what kept others."""

    commit: CommitId
    created: bool
    customers: tuple[Back, ...]
    refused: dict[str, Reason] = {}


class PullRequest(Value):
    """A branch that a person or a rule lets into the GitOps branch; GitLab calls it a merge request."""

    number: int = Field(ge=1, description="as people see it: #7 on GitHub and Gitea, !7 (the iid) on GitLab")
    url: str
    state: Literal["open", "merged", "closed"] = Field(description="closed: ended without a merge, a person refused it")
    branch: str
    head: CommitId = Field(description="newest commit of the branch that belongs to it")
    merged_as: CommitId | Literal[""] = Field(
        default="", description="the commit on the base that brought it there: merge, squash or last rebased commit"
    )
