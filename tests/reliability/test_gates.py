"""What keeps a release from being written, or from being taken for synced: freezes, contracts, revisions that say other images."""

import datetime

import pytest

from tasks.errors import ReleaseRefused, Superseded
from tasks.gitops.carries import carries
from tasks.gitops.freeze import Frozen
from tasks.gitops.hold import hold, release_hold
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Override
from tests.reliability.world import World, digest, files_of, path_of

AUDIT = Hold(reason="audit", owner="kari")


def frozen(world: World) -> World:
    """The same world in a freeze that began yesterday and ends tomorrow."""
    now = datetime.datetime.now(datetime.UTC)
    start, until = ((now + datetime.timedelta(days=d)).strftime("%Y-%m-%dT%H:%M") for d in (-1, 1))
    freeze = {"from": start, "until": until, "reason": "Christmas"}
    raw = world.config.model_dump(mode="json", by_alias=True) | {"policy": {"freeze": [freeze]}}
    return world.with_config(world.config.model_validate(raw))


def test_nothing_is_written_in_a_freeze_and_a_person_may_pass_it_by_name(world: World) -> None:
    closed, before = frozen(world), world.tip
    edits = closed.edits(0, "c000")
    with pytest.raises(Frozen, match="Christmas"):
        closed.write(0, edits)
    assert world.tip == before
    passed = Override(gate="freeze", reason="hotfix", by="kari")
    done = closed.write(0, edits, overrides=(passed,))
    assert world.tip == done.commit
    assert "Slipway-Override: freeze by kari: hotfix" in world.git(
        "show", "-s", "--format=%(trailers:only)", done.commit
    )


def test_a_rollback_never_goes_over_a_contract_that_has_run(world: World) -> None:
    world.promote(0, "c000")
    world.promote(1, "c000", contracts=("0007",))
    before = world.tip
    with pytest.raises(ReleaseRefused, match="the contract 0007 has run since"):
        rollback(world.config, ["c000"], AUDIT)
    assert world.tip == before


def test_a_revision_carries_a_release_when_it_comes_after_it_with_its_images(world: World) -> None:
    before = world.tip
    release, done = world.release(0), world.promote(0, "c000", "c001").commit
    later = world.person({"README.md": "theirs\n"})

    def carried(revision: str, customer: str = "c000") -> bool:
        return carries(world.config, release, done, customer, revision)

    assert [carried(r) for r in (done, later)] == [True, True]
    assert [carried(r) for r in (before, "0" * 40, "main", "")] == [False] * 4
    other = world.person({path_of("c000"): files_of("c000", 0).replace(digest(0), digest(9))})
    assert carried(other, "c001")
    newer = world.promote(1, "c001").commit
    gone = world.person({path_of("c001"): None})
    for revision, customer, moved_on in ((other, "c000", False), (newer, "c001", True), (gone, "c001", True)):
        with pytest.raises(ReleaseRefused, match=f"{customer}: .* no longer has") as told:
            carried(revision, customer)
        assert isinstance(told.value, Superseded) is moved_on, "a person's image is no newer release"
        assert moved_on or "put there by hand" in str(told.value)


def test_a_revision_of_another_line_carries_nothing(world: World) -> None:
    before = world.tip
    release, done = world.release(0), world.promote(0, "c000").commit
    files = {path_of("c000"): files_of("c000", 0)}
    aside = world.person(files, at=before)
    assert carries(world.config, release, done, "c000", aside) is False


def test_letting_go_of_who_is_not_held_writes_nothing(world: World) -> None:
    hold(world.config, ["c000"], AUDIT)
    assert release_hold(world.config, ["c000", "c001"], "ola").created
    assert not release_hold(world.config, ["c000", "c001"], "ola").created
