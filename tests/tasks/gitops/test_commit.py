"""One commit, one compare-and-swap push; whatever others push meanwhile is kept."""

import multiprocessing
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest_gitops import NONE, VALUES, commit_of, digest, edits_at, release_of

from tasks.errors import ServiceUnavailable
from tasks.gitops.fleet import read_fleet
from tasks.models import Release, RingCommit


def promote(
    world: SimpleNamespace, release: Release, *customers: str, ring: str = "all", written: str = ""
) -> RingCommit:
    tip = read_fleet(world.config).tip
    return commit_of(world, release, edits_at(world, tip, release, *customers), ring, written=written)


def remote(world: SimpleNamespace, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", world.gitops.url, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


def file_at_tip(world: SimpleNamespace, path: str) -> str:
    return subprocess.run(
        ["git", "-C", world.gitops.url, "show", f"main:{path}"], check=True, capture_output=True, text=True
    ).stdout


def test_a_ring_is_one_commit_with_trailers_and_nothing_else_changed(world: SimpleNamespace) -> None:
    before = remote(world, "rev-parse", "main")
    done = promote(world, release_of(world.commits[0], 1), "fjord", "bre", "dal")
    assert remote(world, "rev-parse", "main") == done.commit
    assert remote(world, "rev-list", "--count", f"{before}..main") == "1"
    changed = remote(world, "diff", "--name-only", before, "main").split()
    assert changed == [
        ".slipway/customers/bre.yaml",
        ".slipway/customers/dal.yaml",
        ".slipway/customers/fjord.yaml",
        "customers/bre/kustomization.yaml",
        "customers/dal/values.yaml",
        "customers/fjord/kustomization.yaml",
    ]
    trailers = remote(world, "show", "-s", "--format=%(trailers:only)", "main")
    assert f"Slipway-Release: {world.commits[0]}" in trailers
    assert f"Slipway-Image: backend {digest(1)}" in trailers
    assert "Slipway-Run: run-1" in trailers
    assert (
        subprocess.run(["git", "-C", world.gitops.url, "fsck", "--strict"], capture_output=True, check=False).returncode
        == 0
    )


def test_values_keep_their_form_and_every_other_byte(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "dal")
    expected = VALUES.replace(f"digest: '{'sha256:' + '0' * 64}'", f"digest: '{digest(1)}'").replace(
        f"registry.example.no/shop/frontend:v1@{'sha256:' + '0' * 64} #",
        f"registry.example.no/shop/frontend@{digest(1)} #",
    )
    assert file_at_tip(world, "customers/dal/values.yaml") == expected


def test_file_modes_stay(world: SimpleNamespace) -> None:
    path = world.gitops.work / "customers/dal/values.yaml"
    path.chmod(0o755)
    world.gitops.commit({}, "executable")
    promote(world, release_of(world.commits[0], 1), "dal")
    assert remote(world, "ls-tree", "main", "customers/dal/values.yaml").startswith("100755")


def test_the_state_file_carries_what_the_next_release_needs(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre")
    bre = next(c for c in read_fleet(world.config).customers if c.name == "bre")
    assert (bre.release, bre.head, bre.components["backend"].digest) == (world.commits[0], "0001", digest(1))


def test_a_second_run_writes_nothing(world: SimpleNamespace) -> None:
    release = release_of(world.commits[0], 1)
    first = promote(world, release, "fjord", "dal")
    second = promote(world, release, "fjord", "dal")
    assert (first.created, second.created, second.commit) == (True, False, first.commit)
    assert [p.standing for p in second.promotions] == ["unchanged", "unchanged"]


def test_the_same_release_on_the_same_tip_is_the_same_commit(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "fjord", "dal")
    first = commit_of(world, release, edits)
    again = commit_of(world, release, edits)
    assert first.commit == again.commit == remote(world, "rev-parse", "main")


def test_push_is_retried_when_another_customer_came_first(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "fjord")
    other = world.gitops.commit({"customers/bre/kustomization.yaml": "# theirs\n"}, "a person's change")
    done = commit_of(world, release, edits, "canary")
    assert remote(world, "rev-parse", "main~1") == other
    assert file_at_tip(world, "customers/bre/kustomization.yaml") == "# theirs\n"
    assert done.created


def test_another_line_of_the_same_file_is_kept(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "dal")
    world.gitops.commit({"customers/dal/values.yaml": VALUES.replace("replicas: 2", "replicas: 5")})
    commit_of(world, release, edits)
    assert "replicas: 5" in file_at_tip(world, "customers/dal/values.yaml")
    assert digest(1) in file_at_tip(world, "customers/dal/values.yaml")


def test_a_hold_between_plan_and_push_is_obeyed(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre", "dal")
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    done = commit_of(world, release, edits)
    assert {p.customer: p.standing for p in done.promotions} == {"bre": "held", "dal": "promote"}
    assert digest(1) not in file_at_tip(world, "customers/bre/kustomization.yaml")


@pytest.mark.parametrize(
    "before", [None, "customer: dal\n", "customer: dal\nhold: {reason: x, owner: y, until: 2020-01-01}\n"]
)
def test_a_value_that_a_person_put_there_before_the_first_release_is_kept(
    world: SimpleNamespace, before: str | None
) -> None:
    if before:
        world.gitops.commit({".slipway/customers/dal.yaml": before})
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "dal")
    world.gitops.commit({"customers/dal/values.yaml": VALUES.replace(NONE, digest(7), 1)}, "a hotfix")
    done = commit_of(world, release, edits)
    assert [p.standing for p in done.promotions] == ["conflict"]
    assert digest(7) in file_at_tip(world, "customers/dal/values.yaml")


def test_a_customer_deleted_between_plan_and_push_is_not_made_again(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre", "dal")
    world.gitops.commit({"customers/bre/kustomization.yaml": None})
    done = commit_of(world, release, edits)
    assert {p.customer: p.standing for p in done.promotions} == {"bre": "gone", "dal": "promote"}
    assert "bre" not in remote(world, "ls-tree", "-r", "--name-only", "main")


def test_a_newer_release_between_plan_and_push_is_not_replaced(world: SimpleNamespace) -> None:
    old, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, old, "bre")
    promote(world, release_of(world.commits[1], 2), "bre")
    done = commit_of(world, old, edits)
    assert done.promotions[0].standing == "superseded"
    assert not done.created
    assert digest(2) in file_at_tip(world, "customers/bre/kustomization.yaml")


def test_a_commit_that_was_taken_back_does_not_come_late(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre")
    taken_back = release_of(world.commits[2], 1)  # the images of the first commit again
    assert promote(world, taken_back, "bre").created
    assert promote(world, release_of(world.commits[1], 2), "bre").promotions[0].standing == "superseded"
    assert not promote(world, taken_back, "bre").created


def test_a_commit_beside_the_components_writes_nothing(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[2], 3), "bre")
    later = world.app.commit({"docs/a": "1"}, "a word")
    done = promote(world, release_of(later, 3), "bre")
    assert (done.created, done.promotions[0].standing) == (False, "unchanged")


def test_a_branch_that_was_rewound_is_not_brought_back(world: SimpleNamespace) -> None:
    release, first = release_of(world.commits[0], 1), world.gitops.git("rev-parse", "HEAD")
    world.gitops.commit({"README.md": "secret, to be taken back\n"})
    edits = edits_at(world, read_fleet(world.config).tip, release, "bre")
    world.gitops.git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/main")
    commit_of(world, release, edits)
    assert remote(world, "rev-parse", "main~1") == first


def hook(world: SimpleNamespace, name: str, script: str) -> None:
    path = Path(world.gitops.url, "hooks", name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_push_whose_answer_was_lost_is_found_and_not_repeated(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = remote(world, "rev-parse", "main")
    hook(world, "post-receive", "kill -9 $PPID")  # the branch has moved; the client never hears of it
    done = promote(world, release_of(world.commits[0], 1), "bre")
    assert done.created
    assert remote(world, "rev-list", f"{before}..main") == done.commit


def test_a_remote_that_declines_is_transient_and_nothing_is_written(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = remote(world, "rev-parse", "main")
    hook(world, "pre-receive", "echo 'disk full' >&2; exit 1")
    with pytest.raises(ServiceUnavailable) as caught:
        promote(world, release_of(world.commits[0], 1), "bre")
    assert world.gitops.url in str(caught.value)
    assert remote(world, "rev-parse", "main") == before


def write(config: dict, home: str, commit: str, number: int, customer: str) -> None:
    """A writer in a process of its own, with a clone of its own."""
    import os

    from tasks.config.model import Config
    from tasks.git import Mirror

    os.environ["SLIPWAY_HOME"] = home
    settings = Config.model_validate(config)
    Mirror.open(settings.app.repository).fetch("main")
    release, tip = release_of(commit, number), read_fleet(settings).tip
    world = SimpleNamespace(config=settings)
    commit_of(world, release, edits_at(world, tip, release, customer), run=f"{number}")


def test_writers_at_the_same_moment_all_land(world: SimpleNamespace, tmp_path: Path) -> None:
    before = remote(world, "rev-parse", "main")
    context = multiprocessing.get_context("spawn")
    settings = world.config.model_dump(mode="json")
    writers = [
        context.Process(target=write, args=(settings, str(tmp_path / f"home{n}"), world.commits[0], 1, customer))
        for n, customer in enumerate(("fjord", "bre", "dal"))
    ]
    for w in writers:
        w.start()
    for w in writers:
        w.join(60)
    assert [w.exitcode for w in writers] == [0, 0, 0]
    assert remote(world, "rev-list", "--count", f"{before}..main") == "3"
    assert all(c.release == world.commits[0] for c in read_fleet(world.config).customers)
