"""What was planned, written and seen makes one named outcome for each customer."""

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.models import Promotion, Reason, RingCommit
from tasks.rollout.outcomes import finish, may_begin, settle
from tasks.rollout.sight import Seen
from tests.tasks.rollout.situations import OURS, PLANNED, RELEASE


def test_each_ending_of_the_batch_has_its_name() -> None:
    promotions = tuple(Promotion(customer=c, ring="all", standing="promote") for c in ("a", "b", "c"))
    commit = RingCommit(ring="all", commit=OURS, created=True, promotions=promotions)
    reason = Reason(what="c: superseded: by 3f3f", next_step="nothing")
    seen = {
        "a": Seen(versions={"backend": PLANNED}, words="runs it"),
        "b": ServiceUnavailable.because("b: not seen", "somewhere", "look there"),
        "c": Superseded(reason),
    }
    outcomes = settle(commit, seen)
    assert [o.outcome for o in outcomes] == ["promoted", "failed", "superseded"]
    assert outcomes[0].versions == {"backend": PLANNED}
    assert (outcomes[2].because, outcomes[2].next_step) == (reason.what, reason.next_step)
    assert may_begin(outcomes[2:]) and not may_begin(outcomes)
    with pytest.raises(ReleaseRefused, match="c: superseded"):
        finish(RELEASE, outcomes)
