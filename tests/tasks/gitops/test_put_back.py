"""What a release puts back by itself, and rollbacks in a history that people have written in, too."""

from types import SimpleNamespace

import pytest
from conftest_gitops import release_of
from test_commit import file_at_tip, promote, remote

from tasks.errors import ReleaseRefused
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import hold
from tasks.gitops.rollback import put_back, rollback
from tasks.models import Hold, RollbackCommit

AUDIT = Hold(reason="audit", owner="kari")
NAMES = ("bre", "dal", "fjord")


@pytest.fixture
def failing(world: SimpleNamespace) -> SimpleNamespace:
    """The second release is everywhere, and failed."""
    for number, commit in enumerate(world.commits[:2], 1):
        promote(world, release_of(commit, number), *NAMES)
    return world


def put(world: SimpleNamespace) -> RollbackCommit:
    second = world.commits[1]
    return put_back(world.config, NAMES, Hold.after_failure(second), second, partly=True)


def test_a_customer_that_is_gone_keeps_no_other_from_going_back(failing: SimpleNamespace) -> None:
    failing.gitops.git("pull", "--quiet", "origin", "main")
    failing.gitops.commit({".slipway/customers/bre.yaml": None, "customers/bre/kustomization.yaml": None}, "bre left")
    done = put(failing)
    assert [b.customer for b in done.customers] == ["dal", "fjord"]
    assert list(done.refused) == ["bre"]


def test_a_customer_that_a_person_holds_is_not_put_back_by_itself(failing: SimpleNamespace) -> None:
    hold(failing.config, ["dal"], AUDIT)
    done = put(failing)
    assert [b.customer for b in done.customers] == ["bre", "fjord"]
    assert "held by kari: audit" in done.refused["dal"].what
    dal = next(c for c in read_fleet(failing.config).customers if c.name == "dal")
    assert (dal.release, dal.hold) == (failing.commits[1], AUDIT)
    assert rollback(failing.config, ["dal"], Hold(reason="asked for", owner="ola")).created


def test_a_state_file_that_was_away_for_a_while_does_not_stop_a_rollback(failing: SimpleNamespace) -> None:
    failing.gitops.git("pull", "--quiet", "origin", "main")
    text = file_at_tip(failing, ".slipway/customers/bre.yaml")
    failing.gitops.commit({".slipway/customers/bre.yaml": None}, "by mistake")
    failing.gitops.commit({".slipway/customers/bre.yaml": text}, "back")
    assert len(put(failing).customers) == 3


def test_a_rollback_never_goes_forward_to_what_a_person_took_back_with_git(failing: SimpleNamespace) -> None:
    failing.gitops.git("pull", "--quiet", "origin", "main")
    failing.gitops.git("revert", "--no-edit", "HEAD")
    failing.gitops.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    tip = remote(failing, "rev-parse", "main")
    with pytest.raises(ReleaseRefused, match="there is no release before this one"):
        rollback(failing.config, ["bre"], AUDIT)
    assert remote(failing, "rev-parse", "main") == tip


def test_a_contract_is_known_also_when_a_forge_has_written_another_message(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre")
    promote(world, release_of(world.commits[1], 2).model_copy(update={"contracts": ("0007", "0008")}), "bre")
    world.gitops.git("pull", "--quiet", "origin", "main")
    world.gitops.git("commit", "--quiet", "--amend", "-m", "Release (#7)")
    world.gitops.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
    with pytest.raises(ReleaseRefused, match="the contract 0007, 0008 has run since"):
        rollback(world.config, ["bre"], AUDIT)


def test_a_component_that_the_release_before_did_not_have_keeps_a_customer_where_it_is(world: SimpleNamespace) -> None:
    """It would run its new version beside the old ones."""
    whole = release_of(world.commits[0], 1)
    promote(world, whole.model_copy(update={"images": whole.images[:1]}), "bre")
    promote(world, release_of(world.commits[1], 2), "bre")
    with pytest.raises(ReleaseRefused, match="the release before had no frontend, which would stay"):
        rollback(world.config, ["bre"], AUDIT)
