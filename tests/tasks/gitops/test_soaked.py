"""What is left of a soak is counted from when the branch got what the ring runs, by real git."""

from types import SimpleNamespace

import pytest
from conftest_gitops import release_of
from test_commit import promote

from tasks.gitops.hold import hold, release_hold
from tasks.gitops.soaked import soak_left
from tasks.models import Hold, Promotion, RingCommit

HOUR, DAY = 3600.0, 86400.0


def left(world: SimpleNamespace, seconds: float, *names: str, standing: str = "unchanged") -> float:
    world.gitops.git("pull", "--quiet", "origin", "main")
    promotions = tuple(Promotion(customer=n, ring="all", standing=standing) for n in names)  # type: ignore[arg-type]
    tip = world.gitops.git("rev-parse", "HEAD")
    return soak_left(world.config, RingCommit(ring="all", commit=tip, created=False, promotions=promotions), seconds)


@pytest.fixture
def released(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """fjord and bre got a release just now; dal has none."""
    promote(world, release_of(world.commits[0], 1), "fjord", "bre")
    return world


def test_a_release_of_just_now_has_all_of_it_before_it_and_one_of_long_ago_nothing(released: SimpleNamespace) -> None:
    assert HOUR - 120 < left(released, HOUR, "fjord", "bre") <= HOUR
    assert left(released, 0, "fjord") == 0
    assert left(released, 1e-9, "fjord") == 0
    assert left(released, HOUR, "dal") == 0, "it never got one"


def test_a_hold_and_its_end_are_no_release(released: SimpleNamespace) -> None:
    before = released.gitops.git("rev-parse", "origin/main")
    hold(released.config, ["fjord"], Hold(reason="stocktaking", owner="kari"))
    release_hold(released.config, ["fjord"], "kari")
    assert left(released, DAY, "fjord") <= DAY
    log = released.gitops.git("log", "--format=%H", "--invert-grep", "--grep=^Slipway-Hold-", "-1", "HEAD")
    assert log == released.gitops.git("rev-parse", "HEAD~2"), before


def test_who_is_held_or_moves_now_has_no_soak_of_an_earlier_release(released: SimpleNamespace) -> None:
    assert left(released, HOUR, "fjord", standing="held") == 0
