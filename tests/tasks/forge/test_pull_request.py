"""The life of a pull request, the same on all three forges."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.forge.pull_request import close_pull_request, merge_when_ready, open_pull_request, read_pull_request
from tasks.models import PullRequest
from tests.contracts import Cut, Response
from tests.tasks.forge.conftest import Situation
from tests.tasks.forge.stand_in import OTHER, Pull

BRANCH = "slipway/canary-1f3a"
COMMIT, LATER = "a" * 40, "b" * 40


def opened(forge: Situation, title: str = "Release 1f3a", body: str = "to canary") -> PullRequest:
    return open_pull_request(forge.settings, BRANCH, "main", title, body)


def only(forge: Situation) -> Pull:
    assert len(forge.there.pulls) == 1
    return forge.there.pulls[0]


def test_a_pull_request_is_opened_with_its_text(forge: Situation) -> None:
    forge.there.push(BRANCH, COMMIT)
    value = opened(forge)
    there = only(forge)
    assert (value.number, value.state, value.branch, value.head, value.merged_as) == (1, "open", BRANCH, COMMIT, "")
    assert value.url.startswith("https://")
    assert (there.title, there.body, there.base) == ("Release 1f3a", "to canary", "main")


def test_opening_again_changes_nothing(forge: Situation) -> None:
    forge.there.push(BRANCH, COMMIT)
    assert opened(forge) == opened(forge)
    assert only(forge).title == "Release 1f3a"
    assert forge.asked("PATCH") + forge.asked("PUT") == 0


def test_an_open_one_is_adopted_and_gets_the_new_text(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT, title="by hand", body="")
    assert opened(forge).number == there.number
    assert (there.title, there.body) == ("Release 1f3a", "to canary")


def test_text_that_the_forge_trimmed_or_wrapped_otherwise_is_the_same_text(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT, title="Release 1f3a", body="to\r\ncanary")
    opened(forge, body="to\ncanary\n")
    assert forge.asked("PATCH") + forge.asked("PUT") == 0


def test_an_open_one_comes_before_a_closed_one_of_the_same_commit(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT, state="closed")
    forge.there.add(BRANCH, COMMIT)
    forge.there.add(BRANCH, COMMIT, state="closed")
    assert opened(forge).number == 2


def test_a_closed_one_of_the_same_commit_is_a_persons_no(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT, state="closed")
    assert (opened(forge).state, opened(forge).number) == ("closed", 1)
    assert only(forge).title == "t"


def test_a_closed_one_of_another_commit_does_not_count(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT, state="closed")
    forge.there.push(BRANCH, LATER)
    assert (opened(forge).number, opened(forge).state) == (2, "open")


def test_a_persons_no_is_found_behind_an_older_one_of_another_commit(forge: Situation) -> None:
    forge.there.add(BRANCH, LATER, state="closed")
    forge.there.add(BRANCH, COMMIT, state="closed")
    assert (opened(forge).number, opened(forge).state) == (2, "closed")


def test_a_merged_one_is_returned_as_it_is_also_when_its_branch_is_gone(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT, state="merged", merged_as="1" * 40)
    assert (opened(forge).state, opened(forge).merged_as) == ("merged", "1" * 40)
    del forge.there.branches[BRANCH]
    assert opened(forge).state == "merged"
    assert len(forge.there.pulls) == 1


def test_a_strangers_branch_of_the_same_name_is_not_adopted(forge: Situation) -> None:
    forge.there.add(BRANCH, LATER, repository=OTHER)
    forge.there.push(BRANCH, COMMIT)
    assert (opened(forge).number, opened(forge).head) == (2, COMMIT)


def test_one_into_another_base_is_not_adopted(forge: Situation) -> None:
    forge.there.branches["other"] = "9" * 40
    forge.there.add(BRANCH, COMMIT).base = "other"
    assert opened(forge).number == 2


def test_it_is_found_among_many(forge: Situation) -> None:
    wanted = forge.there.add(BRANCH, COMMIT)
    for n in range(60):
        forge.there.add(f"feature-{n}", f"{n:040x}")
    assert opened(forge).number == wanted.number


def test_a_branch_that_is_not_there_is_refused_in_words(forge: Situation) -> None:
    with pytest.raises(ReleaseRefused, match=f"no branch {BRANCH}"):
        opened(forge)


def test_a_branch_without_a_change_is_refused_in_the_forges_words(forge: Situation) -> None:
    forge.there.push(BRANCH, forge.there.branches["main"])
    with pytest.raises(ReleaseRefused, match="No commits between main and"):
        opened(forge)


def test_killed_between_the_creation_and_its_answer_the_next_run_adopts(forge: Situation) -> None:
    forge.there.push(BRANCH, COMMIT)
    forge.there.fail("POST", Cut(), after=True)
    with pytest.raises(ServiceUnavailable):
        opened(forge)
    assert opened(forge).number == only(forge).number == 1


def test_two_at_once_end_with_one(forge: Situation) -> None:
    forge.there.push(BRANCH, COMMIT)
    both_have_looked = threading.Barrier(2)
    forge.there.before = lambda r: both_have_looked.wait(30) if r.operation.startswith("POST") else None
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: opened(forge), range(2))
    assert one == other
    assert only(forge).number == one.number
    assert forge.asked("POST") == 2


def test_it_is_read_in_every_state(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT)
    states = {}
    for state, merged_as in {"open": "", "closed": "", "merged": "1" * 40}.items():
        there.state, there.merged_as = state, merged_as
        states[state] = read_pull_request(forge.settings, 1)
    assert {s: (v.state, v.head, v.merged_as) for s, v in states.items()} == {
        "open": ("open", COMMIT, ""),
        "closed": ("closed", COMMIT, ""),
        "merged": ("merged", COMMIT, "1" * 40),
    }


def test_a_ready_one_is_merged_at_its_head_whichever_way_the_repository_has(forge: Situation) -> None:
    for number, way in enumerate(forge.there.ways, 1):
        forge.there.way, forge.there.methods = way, [way]
        there = forge.there.add(f"branch-{number}", f"{number:040x}")
        value = merge_when_ready(forge.settings, read_pull_request(forge.settings, number))
        assert (value.state, value.merged_as) == ("merged", there.merged_as), way
        assert value == read_pull_request(forge.settings, number)
        assert value == merge_when_ready(forge.settings, value)


@pytest.mark.parametrize("reason", ["checks", "review", "counting", "failed"])
def test_one_that_is_not_ready_stays_open_and_is_merged_later(forge: Situation, reason: str) -> None:
    if (forge.kind, reason) == ("github", "failed"):
        reason = "checks"  # GitHub says unstable for both
    there = forge.there.add(BRANCH, COMMIT, waits_for=reason)
    before = read_pull_request(forge.settings, 1)
    assert merge_when_ready(forge.settings, before) == merge_when_ready(forge.settings, before) == before
    assert there.state == "open"
    forge.there.checks_passed()
    value = merge_when_ready(forge.settings, before)
    assert (value.state, value.merged_as) == ("merged", "1" * 40)


def test_another_head_is_never_merged(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    forge.there.push(BRANCH, LATER)
    with pytest.raises(ReleaseRefused, match=f"another head than ours: {LATER[:10]} instead of {COMMIT[:10]}"):
        merge_when_ready(forge.settings, before)
    assert there.state == "open"


def test_a_head_that_moves_between_the_look_and_the_merge_is_not_merged(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    forge.there.before = lambda r: forge.there.push(BRANCH, LATER) if r.operation.endswith("/merge") else None
    with pytest.raises(ReleaseRefused, match="another head than ours"):
        merge_when_ready(forge.settings, before)
    assert (there.state, there.head) == ("open", LATER)


def test_what_was_scheduled_does_not_merge_a_head_that_somebody_pushed(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT, waits_for="review" if forge.kind == "github" else "checks")
    before = read_pull_request(forge.settings, 1)
    merge_when_ready(forge.settings, before)
    assert there.scheduled == (forge.kind != "gitea")
    forge.there.push(BRANCH, LATER)
    with pytest.raises(ReleaseRefused, match="another head than ours"):
        merge_when_ready(forge.settings, before)
    forge.there.checks_passed()
    assert there.state == "open"


def test_a_merge_with_another_head_is_told(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    forge.there.push(BRANCH, LATER)
    there.state, there.merged_as = "merged", "1" * 40
    with pytest.raises(ReleaseRefused, match="and was merged with it"):
        merge_when_ready(forge.settings, before)


def test_one_that_a_person_closed_is_returned_closed(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    there.state = "closed"
    assert merge_when_ready(forge.settings, before).state == "closed"


def test_a_merge_whose_answer_is_lost_is_seen_by_the_next_call(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    merging = {"github": "PUT", "gitlab": "PUT", "gitea": "POST"}[forge.kind]
    forge.there.fail(merging, Cut(), after=True)
    with pytest.raises(ServiceUnavailable):
        merge_when_ready(forge.settings, before)
    assert merge_when_ready(forge.settings, before).merged_as == "1" * 40
    assert forge.asked(merging) == 1


def test_a_merge_that_the_forge_forbids_is_refused_with_the_right_that_is_missing(forge: Situation) -> None:
    forge.there.add(BRANCH, COMMIT)
    before = read_pull_request(forge.settings, 1)
    merging = {"github": "PUT", "gitlab": "PUT", "gitea": "POST"}[forge.kind]
    forge.there.fail(merging, Response(403, {"message": "Resource not accessible by personal access token"}))
    with pytest.raises(ReleaseRefused, match="Resource not accessible"):
        merge_when_ready(forge.settings, before)


def test_a_superseded_one_is_closed_with_the_reason_once(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT, comments=["hello", "there", "all"])
    assert close_pull_request(forge.settings, 1, "superseded by 2b4c").state == "closed"
    assert close_pull_request(forge.settings, 1, "superseded by 2b4c").state == "closed"
    assert (there.state, there.comments[3:]) == ("closed", ["superseded by 2b4c"])


def test_closing_that_was_cut_after_the_comment_does_not_comment_twice(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT, comments=["hello", "there", "all"])
    forge.there.fail("POST", Cut(), after=True)
    with pytest.raises(ServiceUnavailable):
        close_pull_request(forge.settings, 1, "superseded")
    assert close_pull_request(forge.settings, 1, "superseded").state == "closed"
    assert there.comments.count("superseded") == 1


def test_a_merged_one_is_not_closed(forge: Situation) -> None:
    there = forge.there.add(BRANCH, COMMIT, state="merged", merged_as="1" * 40)
    assert close_pull_request(forge.settings, 1, "superseded").state == "merged"
    assert there.comments == []
