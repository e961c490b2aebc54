"""What was planned, written and seen makes one named outcome for each customer."""

import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.models import Back, Outcome, Promotion, Reason, RingCommit, RingPlan, RollbackCommit
from tasks.rollout.outcomes import by_release, finish, not_begun, rolled_back, settle, stopped, too_many_failures
from tasks.rollout.sight import Seen
from tests.tasks.rollout.situations import OURS, PLANNED, RELEASE

RAN = Seen(versions={"backend": PLANNED}, words="runs it")


def of(name: str, outcome: str = "failed") -> Outcome:
    return Outcome(customer=name, ring="all", outcome=outcome, because=f"{name}: not seen")


def config(max_failures: int) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": "app"},
            "components": {"backend": {"path": "backend", "image": "r.no/shop/backend", "run": {"port": 80}}},
            "gitops": {"repository": "gitops", "targets": {"backend": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*", "max_failures": max_failures}],
            "rollout": {"versions": {"backend": "/version"}},
        }
    )


def test_each_ending_of_the_batch_has_its_name() -> None:
    promotions = tuple(Promotion(customer=c, ring="all", standing="promote") for c in ("a", "b", "c"))
    commit = RingCommit(ring="all", commit=OURS, created=True, promotions=promotions)
    reason = Reason(what="c: superseded: by 3f3f", next_step="nothing")
    seen = {
        "a": RAN,
        "b": ServiceUnavailable.because("b: not seen", "somewhere", "look there"),
        "c": Superseded(reason),
    }
    outcomes = settle(commit, seen)
    assert [o.outcome for o in outcomes] == ["promoted", "failed", "superseded"]
    assert outcomes[0].versions == {"backend": PLANNED}
    assert (outcomes[2].because, outcomes[2].next_step) == (reason.what, reason.next_step)
    with pytest.raises(ReleaseRefused, match="c: superseded"):
        finish(RELEASE, outcomes)


def test_a_ring_stops_those_behind_it_once_more_failed_than_may() -> None:
    outcomes = (of("a"), of("b", "rolled back"), of("c", "superseded"), of("d", "promoted"))
    assert too_many_failures(config(1), "all", outcomes) == "a, b failed in ring all"
    assert too_many_failures(config(2), "all", outcomes) == ""
    ring = RingPlan(
        name="later",
        approve=False,
        soak_seconds=0,
        promotions=(Promotion(customer="e", ring="later", standing="promote"),),
    )
    assert [(o.customer, o.outcome, o.because) for o in not_begun(ring, "a failed")] == [
        ("e", "refused", "not begun: a failed")
    ]
    assert stopped(ring, Superseded.because("superseded: main no longer has it"))[0].outcome == "superseded"
    assert stopped(ring, ReleaseRefused.because("ring later: frozen"))[0].outcome == "refused"


def test_who_was_put_back_says_so_and_who_could_not_be_says_why() -> None:
    backs = tuple(Back(customer=c, from_commit=RELEASE.commit, to=RELEASE) for c in ("a", "b"))
    kept = Reason(what="c: the contract 0007 has run since", next_step="mend it forward")
    done = RollbackCommit(commit=OURS, created=True, customers=backs, refused={"c": kept})
    assert by_release(done) == [["a", "b"]]
    outcomes = rolled_back(
        (of("a"), of("b"), of("c"), of("d", "promoted")), done, {"a": RAN, "b": ServiceUnavailable("b: silent")}
    )
    assert [o.outcome for o in outcomes] == ["rolled back", "rolled back", "failed", "promoted"]
    assert f"put back to {RELEASE.commit[:7]}, seen running it, and held" in outcomes[0].because
    assert "not seen running it yet: b: silent" in outcomes[1].because
    assert "not put back: c: the contract 0007 has run since" in outcomes[2].because
    assert (outcomes[0].next_step, outcomes[2].next_step) == (
        "mend the release, then `slipway release-hold a` and release again",
        "mend it forward",
    )
