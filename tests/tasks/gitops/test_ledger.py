"""An override that was used stands in the ledger from the ring's own commit on, until it is closed; others' work is kept."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from conftest_gitops import commit_of, edits_at, release_of
from test_commit import file_at_tip, remote

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.gitops.fleet import read_fleet
from tasks.gitops.ledger import clear, clear_by_hand, read_ledger, used
from tasks.models import Overridden, Override, Reason, Release, RingCommit

E2E = Override(gate="e2e", reason='the smoke test: "flaky", ærlig 🙂 since monday', by="kari")
SUITES = Override(gate="suites", reason="x", by="ola")
SAID = Reason(what="e2e smoke: t failed")


def passed(world: SimpleNamespace, number: int, *overrides: Override) -> Release:
    """A release that was let pass."""
    release = release_of(world.commits[number], number + 1)
    told = tuple(Overridden(override=o, reasons=(SAID,), components=("backend",)) for o in overrides)
    return release.model_copy(update={"overridden": told})


def write(
    world: SimpleNamespace, release: Release, *customers: str, ring: str = "all", **request: object
) -> RingCommit:
    return commit_of(
        world, release, edits_at(world, read_fleet(world.config).tip, release, *customers), ring, **request
    )


def paths(world: SimpleNamespace) -> list[str]:
    return [p for p in remote(world, "ls-tree", "-r", "--name-only", "main").split() if "overrides" in p]


def test_the_ring_that_needed_it_writes_it_in_its_own_commit_and_the_next_ring_joins(world: SimpleNamespace) -> None:
    release = passed(world, 0, E2E)
    done = write(world, release, "fjord", ring="canary")
    assert f"{done.commit[:7]}" in remote(world, "log", "-1", "--format=%h %b", "main", "--", ".slipway/overrides")[:7]
    assert "Slipway-Override: e2e by kari: the smoke test" in remote(world, "show", "-s", "--format=%(trailers:only)")
    write(world, release, "bre", "dal")
    (entry,) = read_ledger(world.config).entries
    assert (entry.override, entry.release, entry.rings) == (E2E, release.commit, ("all", "canary"))
    assert entry.when == remote(
        world, "show", "-s", "--date=format:%Y-%m-%dT%H:%M:%S+00:00", "--format=%cd", done.commit
    )


def test_the_same_release_on_the_same_tip_is_the_same_commit_and_a_second_run_writes_nothing(
    world: SimpleNamespace,
) -> None:
    release, tip = passed(world, 0, E2E, SUITES), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre")
    first = commit_of(world, release, edits)
    again = commit_of(world, release, edits)
    assert first.commit == again.commit == remote(world, "rev-parse", "main")
    assert not write(world, release, "bre").created
    trees = {e.override.gate: e.trees for e in read_ledger(world.config).entries}
    assert trees == {"e2e": {}, "suites": {"backend": world.commits[0]}}


def test_a_ring_that_writes_nothing_needed_no_override(world: SimpleNamespace) -> None:
    release = passed(world, 0)
    write(world, release, "bre")
    assert not write(world, release.model_copy(update={"overridden": passed(world, 0, E2E).overridden}), "bre").created
    assert paths(world) == []


def test_times_count_for_the_rings_that_have_them_and_not_by_the_clock(world: SimpleNamespace) -> None:
    settings = world.config.model_dump(mode="json", by_alias=True)
    over = {"from": "2000-01-01T00:00", "until": "2000-01-02T00:00", "reason": "long ago", "rings": ["all"]}
    rings = [{**settings["rings"][0], "soak": 60}, settings["rings"][1]]
    config = Config.model_validate(settings | {"policy": {"freeze": [over]}, "rings": rings})
    asked = [Override(gate=g, reason="x", by="kari") for g in ("freeze", "soak", "suites")]
    release = release_of(world.commits[0], 1)
    assert [o.override.gate for o in used(config, release, asked, "all")] == ["freeze"]
    assert [o.override.gate for o in used(config, release, asked, "canary")] == ["soak"]


def test_two_writers_at_once_lose_nothing(world: SimpleNamespace) -> None:
    first, second = passed(world, 0, E2E), passed(world, 1, SUITES)
    write(world, first, "dal")
    tip = read_fleet(world.config).tip
    writes = [
        lambda: commit_of(world, second, edits_at(world, tip, second, "bre"), run="run-2"),
        lambda: clear(world.config, {f"{first.commit[:12]}-e2e": "passed"}, "nightly"),
        lambda: commit_of(world, first, edits_at(world, tip, first, "fjord"), "canary", run="run-3"),
    ]
    with ThreadPoolExecutor(3) as pool:
        done = [f.result() for f in [pool.submit(w) for w in writes]]
    assert all(d.created for d in done)
    assert remote(world, "rev-list", "--count", f"{tip}..main") == "3"
    closed = remote(world, "log", "-1", "--format=%B", done[1].commit)  # type: ignore[attr-defined]
    assert "Slipway-Closed-By: nightly" in closed
    assert [e.override.gate for e in read_ledger(world.config).entries if e.release == second.commit] == ["suites"]


def test_closing_takes_the_entry_away_and_nothing_else_and_does_so_once(world: SimpleNamespace) -> None:
    release = passed(world, 0, E2E, SUITES)
    write(world, release, "bre")
    world.gitops.git("pull", "--quiet", "origin", "main")
    entry = next(p for p in paths(world) if "suites" in p)
    by_hand = f"# asked ola about it\n{file_at_tip(world, entry)}"
    world.gitops.commit({entry: by_hand, ".slipway/overrides/README.md": "hands off\n"})
    done = clear_by_hand(world.config, [f"{release.commit[:12]}-e2e"], "ola", "tried by hand")
    assert remote(world, "diff", "--name-status", f"{done.commit}~1", done.commit).split() == [
        "D",
        f".slipway/overrides/{release.commit[:12]}-e2e/all.yaml",
    ]
    assert file_at_tip(world, entry) == by_hand
    assert not clear(world.config, {f"{release.commit[:12]}-e2e": "again"}, "nightly").created
    with pytest.raises(ReleaseRefused, match=f"open are {release.commit[:12]}-suites"):
        clear_by_hand(world.config, [f"{release.commit[:12]}-e2e"], "ola", "x")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[" * 100_000, "nested"),
        ("&a {gate: *a}\n", "alias"),
        ("gate: e2e\ngate: soak\n", "stands 2 times"),
        ("gate: nothing\n", "at gate"),
        ("", "valid dictionary"),
        ("x" * 2_000_001, "larger than"),
        ("gate: e2e\nby: a\nreason: b\nrelease: '" + "9" * 40 + "'\nwhen: x\nring: all\n", "not those of its name"),
    ],
)
def test_a_broken_entry_is_told_and_hides_no_other_and_is_never_written_over(
    world: SimpleNamespace, content: str, told: str
) -> None:
    release = passed(world, 0, E2E)
    write(world, release, "fjord", ring="canary")
    world.gitops.git("pull", "--quiet", "origin", "main")
    path = f".slipway/overrides/{release.commit[:12]}-e2e/all.yaml"
    world.gitops.commit({path: content})
    ledger = read_ledger(world.config)
    assert [e.rings for e in ledger.entries] == [("canary",)]
    assert told in ledger.problems[0].what
    assert ledger.problems[0].where == path
    before = remote(world, "rev-parse", "main")
    with pytest.raises(ReleaseRefused, match="cannot be read"):
        write(world, release, "bre")
    assert remote(world, "rev-parse", "main") == before


def test_a_link_in_the_place_of_an_entry_is_not_followed_nor_written_through(world: SimpleNamespace) -> None:
    release = passed(world, 0, E2E)
    path = world.gitops.work / f".slipway/overrides/{release.commit[:12]}-e2e/all.yaml"
    path.parent.mkdir(parents=True)
    path.symlink_to("../../../README.md")
    world.gitops.commit({})
    with pytest.raises(ReleaseRefused, match="is a link"):
        write(world, release, "bre")
    assert file_at_tip(world, "README.md") == "hands off\n"
