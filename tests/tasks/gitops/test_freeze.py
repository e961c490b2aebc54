"""No ring is begun in a freeze window, as clocks on the wall there say; a person may override it where policy allows."""

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from conftest_gitops import commit_of, edits_at, release_of
from test_commit import remote

from tasks.config.model import Config
from tasks.config.policy import Policy
from tasks.gitops.fleet import read_fleet
from tasks.gitops.freeze import Frozen, frozen
from tasks.models import Override

CHRISTMAS = {"from": "2026-12-20T16:00", "until": "2027-01-02T08:00", "timezone": "Europe/Oslo", "reason": "Christmas"}
WEEKEND = {"from": "fri 15:00", "until": "mon 07:00", "timezone": "Europe/Oslo", "reason": "weekend"}
ALWAYS = {"from": "2000-01-01T00:00", "until": "2999-01-01T00:00", "reason": "a long one"}


def with_freeze(config: Config, **window: Any) -> Config:
    return config.model_copy(update={"policy": Policy.model_validate({"freeze": [window]})})


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        (CHRISTMAS, "2026-12-20T14:59:59+00:00", False),
        (CHRISTMAS, "2026-12-20T15:00:00+00:00", True),  # 16:00 in Oslo
        (CHRISTMAS, "2027-01-02T06:59:59+00:00", True),
        (CHRISTMAS, "2027-01-02T07:00:00+00:00", False),
        (WEEKEND, "2026-11-27T13:59:59+00:00", False),  # Friday, 14:59 in winter
        (WEEKEND, "2026-11-27T14:00:00+00:00", True),
        (WEEKEND, "2026-11-30T05:59:00+00:00", True),
        (WEEKEND, "2026-11-30T06:00:00+00:00", False),
        (WEEKEND, "2026-07-03T12:59:00+00:00", False),  # summer time: 15:00 is 13:00 UTC
        (WEEKEND, "2026-07-03T13:00:00+00:00", True),
        (WEEKEND, "2026-07-01T13:00:00+00:00", False),
        ({**WEEKEND, "from": "wed 00:00", "until": "wed 00:00"}, "2026-07-01T13:00:00+00:00", True),
    ],
)
def test_a_window_is_what_the_clock_on_the_wall_says(
    world: SimpleNamespace, window: dict, now: str, expected: bool
) -> None:
    why = frozen(with_freeze(world.config, **window), "all", at(now))
    assert bool(why) == expected
    assert not why or window["reason"] in why


def test_a_window_of_one_ring_leaves_the_others_open(world: SimpleNamespace) -> None:
    config = with_freeze(world.config, **ALWAYS, rings=["all"])
    assert (bool(frozen(config, "all")), frozen(config, "canary")) == (True, "")


def test_nothing_is_written_in_a_window_and_the_error_says_until_when(world: SimpleNamespace) -> None:
    release, before = release_of(world.commits[0], 1), remote(world, "rev-parse", "main")
    edits = edits_at(world, read_fleet(world.config).tip, release, "bre")
    world.config = with_freeze(world.config, **ALWAYS)
    with pytest.raises(Frozen, match="frozen until 2999-01-01T00:00 \\(UTC\\): a long one"):
        commit_of(world, release, edits)
    assert remote(world, "rev-parse", "main") == before


def test_an_override_passes_the_window_and_stands_in_the_commit(world: SimpleNamespace) -> None:
    release = release_of(world.commits[0], 1)
    edits = edits_at(world, read_fleet(world.config).tip, release, "bre")
    world.config = with_freeze(world.config, **ALWAYS)
    done = commit_of(world, release, edits, overrides=(Override(gate="freeze", reason="urgent", by="kari"),))
    assert done.created
    assert "Slipway-Override: freeze by kari: urgent" in remote(
        world, "show", "-s", "--format=%(trailers:only)", "main"
    )


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ({**ALWAYS, "from": "someday"}, "is no time"),
        ({**ALWAYS, "from": "2026-02-30T10:00"}, "is no time"),
        ({**ALWAYS, "from": "fri 25:00"}, "is no time"),
        ({**ALWAYS, "from": "fri 15:00"}, "must both be"),
        ({**ALWAYS, "until": "1999-01-01T00:00"}, "must come after"),
        ({**ALWAYS, "timezone": "Norway/Oslo"}, "time zone database"),
        ({**ALWAYS, "timezone": "../../etc/passwd"}, "time zone database"),
        ({"from": "fri 15:00", "until": "mon 07:00"}, "Field required"),
    ],
)
def test_a_window_that_means_nothing_is_refused_before_any_release(window: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Policy.model_validate({"freeze": [window]})


def test_a_window_names_rings_that_are_there(world: SimpleNamespace) -> None:
    raw = {**world.config.model_dump(), "policy": {"freeze": [{**ALWAYS, "rings": ["nowhere"]}]}}
    with pytest.raises(ValueError, match="names the ring nowhere"):
        Config.model_validate(raw)


def test_a_date_without_quotes_is_understood() -> None:
    window = Policy.model_validate({"freeze": [{**ALWAYS, "from": at("2026-12-20T16:00:00")}]}).freeze[0]
    assert window.start == "2026-12-20T16:00"
