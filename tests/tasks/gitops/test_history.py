"""The GitOps branch told again: releases, rollbacks, holds and what people did by hand, out of repositories that the engine wrote."""

import datetime
import os
import subprocess
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from conftest_gitops import release_of
from test_commit import file_at_tip, remote
from test_commit import promote as promote_at

from tasks.git import Mirror
from tasks.gitops.dora import Dora, dora
from tasks.gitops.history import Event, History, read_history
from tasks.gitops.hold import hold, release_hold
from tasks.gitops.ring_commit import written_at
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Release, RingCommit

MONDAY = int(datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC).timestamp())
MINUTE, HOUR, DAY = 60, 3600, 86400
AUDIT = Hold(reason="audit", owner="kari")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time that commits get, git's own too: seconds after a Monday's first."""

    def at(seconds: int) -> None:
        monkeypatch.setattr("time.time", lambda: MONDAY + seconds)
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            monkeypatch.setenv(name, f"{MONDAY + seconds} +0000")

    at(0)
    return at


@pytest.fixture
def told(clock: Callable[[int], None], world: SimpleNamespace) -> SimpleNamespace:
    """Two releases of the app's commits, which were all made at 00:00 on Monday; the second one went wrong at one customer.

    The canary had the first after 10 minutes, the others after an hour; the second reached all three a week later, and bre
    was put back half an hour after that.
    """
    first, second = (release_of(c, n) for n, c in enumerate(world.commits[:2], 1))
    clock(10 * MINUTE)
    promote(world, first, "fjord", ring="canary")
    clock(HOUR)
    promote(world, first, "bre", "dal")
    clock(DAY)
    hold(world.config, ["dal"], AUDIT)
    clock(2 * DAY)
    release_hold(world.config, ["dal"], "ola")
    clock(7 * DAY)
    promote(world, second, "fjord", "bre", "dal")
    clock(7 * DAY + 30 * MINUTE)
    rollback(world.config, ["bre"], Hold(reason="orders are slow", owner="kari"))
    world.first, world.second = first, second
    return world


def promote(world: SimpleNamespace, release: Release, *customers: str, ring: str = "all") -> RingCommit:
    """A ring written now, by the clock of these tests."""
    return promote_at(world, release, *customers, ring=ring, written=written_at(ring, "plan"))


def pulled(world: SimpleNamespace) -> None:
    world.gitops.git("pull", "--quiet", "origin", "main")


def history(world: SimpleNamespace, before: History | None = None) -> History:
    mirror = Mirror.open(world.config.gitops.repository)
    return read_history(mirror, mirror.fetch("main"), before)


def moves(event: Event) -> dict[str, tuple[str | None, str | None]]:
    return {c.customer: (c.before.release, c.after.release) for c in event.moves}


def figures(world: SimpleNamespace, weeks: int = 4) -> Dora:
    return dora(history(world).events, MONDAY + 9 * DAY, weeks)


def test_every_commit_that_changed_customers_is_told_in_order(told: SimpleNamespace) -> None:
    events = history(told).events
    assert [e.kind for e in events] == ["release", "release", "hold", "let go", "release", "rollback"]
    assert [e.when - MONDAY for e in events] == [600, HOUR, DAY, 2 * DAY, 7 * DAY, 7 * DAY + 1800]
    one, two = told.commits[:2]
    assert moves(events[1]) == {"bre": (None, one), "dal": (None, one)}
    assert moves(events[4]) == dict.fromkeys(("bre", "dal", "fjord"), (one, two))
    assert moves(events[5]) == {"bre": (two, one)}
    assert (events[0].ring, events[0].subject, events[0].run) == ("canary", "change 1", "run-1")
    assert (events[2].by, events[2].reason, events[3].by) == ("kari", "audit", "ola")
    assert (events[5].by, events[5].reason) == ("kari", "orders are slow")
    assert all(e.timed for e in events) and events[0].committed == MONDAY


def test_a_later_look_reads_only_what_is_new_and_says_the_same(told: SimpleNamespace) -> None:
    before = history(told)
    promote(told, release_of(told.commits[2], 3), "fjord", "dal")
    after = history(told, before)
    assert after.events[: len(before.events)] == before.events
    assert all(a is b for a, b in zip(after.events, before.events, strict=False))
    assert after == history(told)
    assert history(told, after) is after


def test_a_branch_that_was_rewound_is_read_anew(told: SimpleNamespace) -> None:
    before = history(told)
    pulled(told)
    told.gitops.git("reset", "--quiet", "--hard", "HEAD~2")
    told.gitops.commit({"README.md": "rewound\n"})
    assert [e.kind for e in history(told, before).events] == ["release", "release", "hold", "let go"]


def test_a_release_taken_back_with_git_is_a_rollback_by_that_person(told: SimpleNamespace) -> None:
    pulled(told)
    told.gitops.git("revert", "--no-edit", "HEAD~1", "--strategy-option=theirs")
    told.gitops.commit({})
    event = history(told).events[-1]
    assert (event.kind, event.by) == ("rollback", "Kari")
    assert moves(event)["fjord"] == (told.commits[1], told.commits[0])


@pytest.mark.parametrize("how", [["--no-ff"], ["--squash"]], ids=" ".join)
def test_a_merged_pull_request_counts_at_the_time_of_its_merge(
    told: SimpleNamespace, clock: Callable[[int], None], how: list[str]
) -> None:
    tip = remote(told, "rev-parse", "main")
    clock(8 * DAY)
    done = promote(told, release_of(told.commits[2], 3), "fjord")
    subprocess.run(["git", "-C", told.gitops.url, "update-ref", "refs/heads/main", tip], check=True)
    pulled(told)
    told.gitops.git("fetch", "--quiet", str(Mirror.open(told.gitops.url).directory), done.commit)
    clock(9 * DAY)
    told.gitops.git("merge", "--quiet", *how, "FETCH_HEAD")
    told.gitops.commit({}, "Merge the ring") if "--squash" in how else told.gitops.git("push", "-q", "origin", "HEAD")
    event = history(told).events[-1]
    assert (event.kind, event.when, event.timed) == ("release", MONDAY + 9 * DAY, True)
    assert moves(event) == {"fjord": (told.commits[1], told.commits[2])}
    assert event.ring == ("all" if "--no-ff" in how else "")


def test_a_broken_or_removed_state_file_hides_no_other_customer(told: SimpleNamespace) -> None:
    pulled(told)
    text = file_at_tip(told, ".slipway/customers/dal.yaml")
    told.gitops.commit({".slipway/customers/dal.yaml": None, ".slipway/customers/bre.yaml": "a: [\n"}, "oops")
    told.gitops.commit({".slipway/customers/dal.yaml": text}, "and back")
    events = history(told).events
    assert [e.kind for e in events[-2:]] == ["other", "other"]
    assert moves(events[-1]) == {"dal": (None, told.commits[1])}
    assert (figures(told).deployments, figures(told).updates) == (2, 6)


def test_hostile_messages_and_trailers_move_nobody(told: SimpleNamespace) -> None:
    before = history(told)
    evil = f"x: release 1234567 to ring y\n\n:1 2 3 4 M\n\x1e\x1f\n\nSlipway-Release: {'9' * 40}\nSlipway-Ring: <b>"
    told.gitops.git("pull", "--quiet", "origin", "main")
    told.gitops.commit({"README.md": "x\n"}, evil)
    assert history(told, before).events == before.events
    told.gitops.commit({".slipway/customers/zz.yaml": "customer: zz\n"}, evil)
    assert history(told, before).events == before.events


def test_the_four_figures_are_those_of_the_definitions(told: SimpleNamespace) -> None:
    said = figures(told)
    assert (said.deployments, said.updates, said.failed, said.failure_rate) == (2, 6, 1, 0.5)
    assert said.lead and said.lead_first and said.restore
    # 10 min, 1 h, 1 h, and three times a week; the tenth part of six values is the largest one.
    assert (said.lead.count, said.lead.median, said.lead.p90) == (6, (HOUR + 7 * DAY) / 2, 7 * DAY)
    assert (said.lead_first.count, said.lead_first.p90) == (2, 7 * DAY)
    assert (said.restore.count, said.restore.median) == (1, 30 * MINUTE)
    assert [(w.monday.isoformat(), w.deployments, w.failed) for w in said.weeks[-2:]] == [
        ("2026-11-02", 1, 0),
        ("2026-11-09", 1, 1),
    ]
    assert said.per_week == round(2 / ((9 * DAY - 600) / (7 * DAY)), 2)


def test_only_the_weeks_that_are_asked_for_count(told: SimpleNamespace) -> None:
    said = figures(told, weeks=1)
    assert (said.deployments, said.updates, len(said.weeks)) == (1, 3, 1)
    assert said.lead and said.lead.count == 3


def test_a_ring_of_an_older_slipway_has_no_time_and_counts_in_no_duration(told: SimpleNamespace) -> None:
    pulled(told)
    message = told.gitops.git("show", "-s", "--format=%B", "HEAD~1").replace("Slipway-Written", "Old")
    us = {"GIT_COMMITTER_NAME": "Slipway", "GIT_COMMITTER_EMAIL": "slipway@localhost"}
    text = file_at_tip(told, ".slipway/customers/dal.yaml").replace(told.commits[1], told.commits[2])
    (told.gitops.work / ".slipway/customers/dal.yaml").write_text(text)
    message = message.replace(told.commits[1], told.commits[2])
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qam", message],
        cwd=told.gitops.work,
        check=True,
        env={**os.environ, **us},
    )
    told.gitops.git("push", "--quiet", "origin", "HEAD:main")
    event = history(told).events[-1]
    assert (event.kind, event.timed) == ("release", False)
    said = figures(told)
    assert (said.deployments, said.untimed) == (3, 1)
    assert said.lead and said.lead.count == 6


def test_nothing_released_yet_has_no_figures(world: SimpleNamespace) -> None:
    said = figures(world)
    assert history(world).events == ()
    assert (said.deployments, said.per_week, said.failure_rate, said.lead, said.restore) == (0, 0, None, None, None)
