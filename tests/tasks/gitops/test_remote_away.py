"""A git remote that does not answer for a moment: what was only asked to save time fails nobody."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest_gitops import edits_at, release_of
from test_commit import promote

from tasks.gitops.carries import departed
from tasks.gitops.fleet import read_fleet
from tasks.gitops.propose import plan_now, withdraw
from tasks.models import Edits, Proposal, Release


@pytest.fixture
def away(world: SimpleNamespace) -> tuple[SimpleNamespace, Release, Edits]:
    """A ring is on the branch, and then the remote is gone."""
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre")
    promote(world, release, "bre")
    remote = Path(world.gitops.url)
    remote.rename(remote.with_name("away.git"))
    return world, release, edits


def test_customers_are_watched_all_the_same(away: tuple[SimpleNamespace, Release, Edits]) -> None:
    world, release, _ = away
    assert departed(world.config, release, ["bre"]) == {}


def test_a_pull_request_is_waited_for_all_the_same(away: tuple[SimpleNamespace, Release, Edits]) -> None:
    world, release, edits = away
    assert plan_now(world.config, release, edits) == edits
    withdraw(world.config, Proposal(branch="slipway/shop/all/1", head=edits.tip, edits=edits))
