"""kill -9 at every place of a release, and at random moments: after Retry it ends as if nothing had happened."""

from collections.abc import Iterator

import pytest

from tasks.failpoints import PLACES
from tests.reliability.killing import LARGE, Case, Trial, at_places, at_random, once_at_places
from tests.reliability.releases import Releases
from tests.reliability.size import EACH

pytestmark = pytest.mark.slow
PLACED = at_places(5) if LARGE else once_at_places()[:: 1 if EACH else 2]
MOMENTS = at_random(200 if LARGE else 6)


@pytest.fixture(scope="module")
def trial(request: pytest.FixtureRequest, releases: Releases) -> Iterator[Trial]:
    """All cases that are to be run have begun, two at a time; each test waits for its own."""
    given = [_parameters(item).get("case") for item in request.session.items]
    wanted = [case for case in given if isinstance(case, Case)]  # other tests have cases, too
    made = Trial(releases, wanted)
    yield made
    made.close()


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def test_every_place_is_passed_by_a_release_and_no_other(releases: Releases) -> None:
    releases.release("case-recorded", bad=True, fresh=True, record=True)
    passed = (releases.folder / "case-recorded/kills/0/passed").read_text().split()
    assert set(passed) == set(PLACES)


@pytest.mark.parametrize("case", PLACED, ids=lambda case: case.name.removeprefix("case-"))
def test_a_release_that_is_killed_at_a_place_ends_as_if_it_had_not_been(trial: Trial, case: Case) -> None:
    assert trial.wrong(case) == []


@pytest.mark.parametrize("case", MOMENTS, ids=lambda case: case.name.removeprefix("case-"))
def test_a_release_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(trial: Trial, case: Case) -> None:
    assert trial.wrong(case) == []


def test_most_random_kills_hit_a_release_that_was_running(trial: Trial) -> None:
    assert sum(trial.end(case).kills > 0 for case in MOMENTS) > len(MOMENTS) / 2
