"""A cluster may have synced the ring's commit, or any later one that still has the release's images for the customer."""

from types import SimpleNamespace

import pytest
from conftest_gitops import digest, release_of
from test_commit import file_at_tip, promote

from tasks.errors import ReleaseRefused, Superseded
from tasks.gitops.carries import carries, departed
from tasks.gitops.rollback import rollback
from tasks.models import Hold


@pytest.fixture
def released(world: SimpleNamespace) -> SimpleNamespace:
    world.release = release_of(world.commits[0], 1)
    world.commit = promote(world, world.release, "fjord", "bre", "dal").commit
    world.gitops.git("pull", "--quiet", "origin", "main")
    return world


def still(world: SimpleNamespace, customer: str, revision: str) -> bool:
    return carries(world.config, world.release, world.commit, customer, revision)


def test_the_commit_itself_and_later_ones_that_leave_the_images_alone_carry_them(released: SimpleNamespace) -> None:
    later = released.gitops.commit({"README.md": "another ring, a person\n"})
    assert still(released, "bre", released.commit)
    assert still(released, "bre", later)


def test_what_came_before_or_stands_beside_does_not(released: SimpleNamespace) -> None:
    before = released.gitops.git("rev-parse", f"{released.commit}~1")
    released.gitops.git("checkout", "--quiet", "-b", "aside", before)
    beside = released.gitops.commit({"README.md": "a branch\n"}, branch="aside")
    assert not still(released, "bre", before)
    assert not still(released, "bre", beside)
    assert not still(released, "bre", "0" * 40)
    assert not still(released, "bre", "main")


def test_a_later_commit_with_other_images_does_not_for_that_customer_only(released: SimpleNamespace) -> None:
    text = file_at_tip(released, "customers/dal/values.yaml").replace(digest(1), digest(9))
    later = released.gitops.commit({"customers/dal/values.yaml": text})
    with pytest.raises(ReleaseRefused, match=f"dal: .* no longer has {released.release.commit[:7]}") as told:
        still(released, "dal", later)
    assert not isinstance(told.value, Superseded), "a person's image is no newer release"
    assert still(released, "bre", later)


def test_a_later_commit_without_the_customer_does_not(released: SimpleNamespace) -> None:
    later = released.gitops.commit({"customers/dal/values.yaml": None})
    with pytest.raises(Superseded):
        still(released, "dal", later)


def test_who_departed_from_the_release_is_told_at_once_with_what_it_is_to_run(released: SimpleNamespace) -> None:
    names = ["fjord", "bre", "dal"]
    assert departed(released.config, released.release, names) == {}
    promote(released, release_of(released.commits[1], 2), "bre")
    rollback(released.config, ["bre"], Hold(reason="it broke", owner="kari"))
    promote(released, release_of(released.commits[1], 2), "dal")
    gone = departed(released.config, released.release, names)
    assert set(gone) == {"dal"}
    assert f"it is to run {released.commits[1][:7]}" in str(gone["dal"])
    assert isinstance(gone["dal"], Superseded)
    newer = departed(released.config, release_of(released.commits[1], 2), names)
    assert "held by kari: it broke" in str(newer["bre"])
    assert not isinstance(newer["bre"], Superseded), "it failed there"
    released.gitops.git("pull", "--quiet", "origin", "main")
    released.gitops.commit({"customers/dal/values.yaml": None, ".slipway/customers/dal.yaml": None})
    assert isinstance(departed(released.config, released.release, ["dal"])["dal"], Superseded), (
        "it is no customer any more"
    )
