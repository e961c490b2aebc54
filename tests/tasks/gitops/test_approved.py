"""An approval is for what was shown: when the branch moves so that the plan is another one, it is asked again."""

from types import SimpleNamespace

from conftest_gitops import VALUES, commit_of, digest, edits_at, release_of
from test_commit import file_at_tip, remote

from tasks.gitops.fleet import read_fleet
from tasks.models import Edits, RingCommit, RingPlan
from tasks.reports.release import approval_text


def approved(world: SimpleNamespace, number: int, *customers: str) -> tuple[Edits, RingPlan]:
    release = release_of(world.commits[number - 1], number)
    edits = edits_at(world, read_fleet(world.config).tip, release, *customers)
    return edits, RingPlan(name="all", approve=True, soak_seconds=0, promotions=edits.promotions)


def write(world: SimpleNamespace, number: int, edits: Edits) -> RingCommit:
    return commit_of(world, release_of(world.commits[number - 1], number), edits, approve=True)


def test_another_line_changed_meanwhile_is_no_other_plan(world: SimpleNamespace) -> None:
    edits, _ = approved(world, 1, "dal")
    world.gitops.commit(
        {"customers/dal/values.yaml": "# a line on top\n\n" + VALUES.replace("replicas: 2", "replicas: 5")}
    )
    done = write(world, 1, edits)
    assert (done.created, done.asks_again) == (True, None)
    assert "# a line on top" in file_at_tip(world, "customers/dal/values.yaml")


def test_a_hold_set_meanwhile_asks_again_and_writes_nothing(world: SimpleNamespace) -> None:
    edits, before = approved(world, 1, "bre", "dal")
    tip = world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    done = write(world, 1, edits)
    assert done.asks_again is not None
    assert (done.created, done.commit, remote(world, "rev-parse", "main")) == (False, tip, tip)
    now = before.model_copy(update={"promotions": Edits(tip=tip, edits=done.asks_again).promotions})
    assert now.hash != before.hash
    text = approval_text(release_of(world.commits[0], 1), now, before)
    assert "**Asked again**" in text
    assert "- **bre**: promote -> held: held by kari: audit" in text
    assert "**dal**" not in text


def test_the_second_answer_is_for_the_second_plan(world: SimpleNamespace) -> None:
    edits, _ = approved(world, 1, "bre", "dal")
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    first = write(world, 1, edits)
    second = write(world, 1, Edits(tip=first.commit, edits=first.asks_again or ()))
    assert second.created
    assert digest(1) in file_at_tip(world, "customers/dal/values.yaml")
    assert digest(1) not in file_at_tip(world, "customers/bre/kustomization.yaml")


def test_a_customer_that_moved_by_itself_to_another_release_asks_again(world: SimpleNamespace) -> None:
    edits, _ = approved(world, 2, "bre", "dal")
    commit_of(
        world, release_of(world.commits[0], 1), edits_at(world, edits.tip, release_of(world.commits[0], 1), "dal")
    )
    assert write(world, 2, edits).asks_again is not None


def test_a_ring_in_which_nobody_moves_any_more_is_not_asked_about(world: SimpleNamespace) -> None:
    edits, _ = approved(world, 1, "dal")
    world.gitops.commit({".slipway/customers/dal.yaml": "customer: dal\nhold: {reason: audit, owner: kari}\n"})
    done = write(world, 1, edits)
    assert (done.created, done.asks_again) == (False, None)
    assert [p.standing for p in done.promotions] == ["held"]
