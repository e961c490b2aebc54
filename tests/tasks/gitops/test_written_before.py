"""A run that was killed between its push and the note of it: the next attempt finds its commit, whatever came since."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from conftest_gitops import commit_of, edits_at, release_of
from test_commit import promote, remote

from tasks.config.model import Config
from tasks.gitops.commit import commit_ring
from tasks.gitops.fleet import read_fleet
from tasks.gitops.freeze import Frozen
from tasks.models import Edits, Override, Release, ReleaseRequest, RingCommit, RingPlan

ALWAYS = {"from": "2000-01-01T00:00", "until": "2999-01-01T00:00", "reason": "holidays"}


@pytest.fixture
def killed(world: SimpleNamespace) -> SimpleNamespace:
    """The branch moved before the push, so that the ring's edits were made again; nothing is known of that any more."""
    world.release = release_of(world.commits[0], 1)
    world.edits = edits_at(world, read_fleet(world.config).tip, world.release, "bre", "dal")
    world.gitops.commit({".slipway/customers/dal.yaml": "customer: dal\nhold: {reason: audit, owner: kari}\n"})
    world.first = again(world)
    world.gitops.git("pull", "--quiet", "origin", "main")
    return world


def again(world: SimpleNamespace, edits: Edits | None = None, **request: object) -> RingCommit:
    return commit_of(world, world.release, edits or world.edits, **request)


def freeze(world: SimpleNamespace) -> None:
    settings = world.config.model_dump(mode="json", by_alias=True)
    world.config = Config.model_validate(settings | {"policy": {"freeze": [ALWAYS]}})


def test_the_next_attempt_ends_as_the_first_one(killed: SimpleNamespace) -> None:
    killed.gitops.commit({"README.md": "somebody\n"})
    promote(killed, killed.release, "fjord", ring="canary")
    tip = remote(killed, "rev-parse", "main")
    assert again(killed) == killed.first
    assert killed.first.created
    assert [p.standing for p in killed.first.promotions] == ["promote", "held"]
    assert remote(killed, "rev-parse", "main") == tip


def test_it_does_so_in_a_freeze_window_too_and_another_run_finds_nothing_to_write(killed: SimpleNamespace) -> None:
    freeze(killed)
    assert again(killed) == killed.first
    done = again(killed, edits_at(killed, read_fleet(killed.config).tip, killed.release, "bre"), run="run-2")
    assert (done.created, [p.standing for p in done.promotions]) == (False, ["unchanged"])


def test_what_is_not_written_yet_is_frozen(world: SimpleNamespace) -> None:
    world.release = release_of(world.commits[0], 1)
    edits = edits_at(world, read_fleet(world.config).tip, world.release, "bre")
    freeze(world)
    with pytest.raises(Frozen):
        again(world, edits)
    world.gitops.commit({"README.md": "somebody\n"})
    with pytest.raises(Frozen):
        again(world, edits)
    assert again(world, edits, overrides=(Override(gate="freeze", reason="urgent", by="kari"),)).created


def test_a_commit_that_only_says_it_is_this_runs_is_not_believed(world: SimpleNamespace) -> None:
    world.release: Release = release_of(world.commits[0], 1)
    edits = edits_at(world, read_fleet(world.config).tip, world.release, "bre")
    world.gitops.commit({"README.md": "x\n"}, "mine\n\nSlipway-Ring: all\nSlipway-Run: run-1")
    done = again(world, edits)
    assert (done.created, remote(world, "rev-parse", "main")) == (True, done.commit)


def test_a_ring_has_the_time_at_which_its_run_wrote_it_and_says_when_its_release_was_made(
    world: SimpleNamespace,
) -> None:
    release, written = release_of(world.commits[0], 1), "2026-11-26T02:30:00Z"
    edits = edits_at(world, read_fleet(world.config).tip, release, "bre")
    plan = RingPlan(name="all", approve=False, soak_seconds=0, promotions=edits.promotions)
    request = ReleaseRequest(commit=release.commit)
    done = commit_ring(world.config, request, release, plan, edits, {"Slipway-Written": written})
    shown = remote(
        world, "show", "-s", "--format=%cI%n%(trailers:key=Slipway-Committed,valueonly)", done.commit
    ).split()
    made = world.app.git("show", "-s", "--format=%ct", release.commit)
    assert [datetime.fromisoformat(t).timestamp() for t in shown] == [
        datetime.fromisoformat(written).timestamp(),
        int(made),
    ]
