"""Every step of a release fails once, with its work done and not noted yet: Retry does again what failed, and nothing else."""

from collections import Counter

import pytest

from tests.reliability.releases import Failed, Releases

pytestmark = pytest.mark.slow
# In the order of a release; at the end of each step, where all is done but nobody knows. What runs at once fails at once.
PLACES = (
    "app:fetched",
    "fleet:read",
    "changes:found",
    "image:pushed+test-image:ready+migrations:checked",
    "suite:ended+e2e:ended",
    "gate:passed",
    "release:made",
    "plan:made",
    "plan:shown",
    "blobs:after",
    "ring:committed",
    "customer:verified",
    "ring:watched",
    "soak:begun",
    "soak:ended",
    "report:shown",
)
# What customers run now, who waits, and what this Engine has, is never taken from storage.
LOOKS = ("verify ", "supersede", "test image ")


@pytest.fixture(scope="module")
def failed(releases: Releases) -> Failed:
    return releases.fail_in_turn("case-fails-in-turn", PLACES)


def test_each_attempt_fails_where_it_should_and_the_last_one_ends_well(failed: Failed) -> None:
    for place, message in zip(PLACES, failed.messages, strict=False):
        for one in place.split("+"):
            assert f"failpoint {one}" in message, (place, message)
    assert failed.end.state == "Completed", failed.end.message


def test_no_step_that_was_done_is_done_again(failed: Failed) -> None:
    done = Counter(name for name, state in failed.steps if state == "Completed")
    assert {name: times for name, times in done.items() if times > 1 and not name.startswith(LOOKS)} == {}
    for name in ("image api", "api unit", "e2e smoke", "check migrations", "make plan", "commit ring canary"):
        assert done[name] == 1, name
        assert (name, "Failed") in failed.steps, name
        assert (name, "Cached") in failed.steps or name == "commit ring canary", name


def test_nothing_is_built_pushed_or_written_a_second_time(failed: Failed) -> None:
    passed = Counter(failed.passed)
    assert (passed["image:built"], passed["image:pushed"]) == (1, 1)
    assert [c.split(" to ")[-1] for c in failed.end.commits][-2:] == [
        "ring canary (1 customer)",
        "ring all (3 customers)",
    ]
    assert len(failed.end.commits) == 5, "the customers, and two rings of two releases"
    assert failed.end.left == []
