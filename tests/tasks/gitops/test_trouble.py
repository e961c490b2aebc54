"""One customer's trouble stays its own, and nothing in its files is guessed, followed or run away with."""

import shutil
import subprocess
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest_gitops import KUSTOMIZATION, NONE, VALUES, commit_of, digest, edits_at, release_of

from tasks.gitops.fleet import read_fleet
from tasks.gitops.plan import make_plan
from tasks.models import Customer, Promotion, RingCommit


def customer(world: SimpleNamespace, name: str) -> Customer:
    return next(c for c in read_fleet(world.config).customers if c.name == name)


def planned(world: SimpleNamespace, name: str, number: int = 1, commit: int = 0) -> Promotion:
    plan = make_plan(world.config, release_of(world.commits[commit], number), read_fleet(world.config))
    return next(p for r in plan.rings for p in r.promotions if p.customer == name)


def link(world: SimpleNamespace, path: str, to: str) -> None:
    """Puts a symbolic link where a file or folder was."""
    place = world.gitops.work / path
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(to)
    world.gitops.commit({}, "link")


def bomb() -> str:
    lines = ["x0: &x0 {a: 1, b: 2}"]
    lines += [f"x{n}: &x{n} {{a: *x{n - 1}, b: *x{n - 1}, c: *x{n - 1}}}" for n in range(1, 14)]
    return "\n".join(lines) + "\n"


STATES = {
    "unknown tag": "customer: !secret bre\n",
    "impossible date": "customer: bre\nhold: {reason: a, owner: b, until: 2026-13-45}\n",
    "list as key": "customer: bre\n? [1, 2]\n: x\n",
    "two documents": "customer: bre\n---\ncustomer: bre\n",
    "alias of itself": "customer: bre\nhold: &h {reason: *h, owner: b}\n",
    "deep": "customer: " + "[" * 300 + "]" * 300 + "\n",
    "bomb": bomb(),
    "hold twice": "customer: bre\nhold: {reason: a, owner: b}\nhold: null\n",
    "another customer's": "customer: dal\n",
    "endless number": "customer: bre\nhold: {reason: " + "9" * 5000 + ", owner: b}\n",
}


@pytest.mark.parametrize("kind", STATES)
def test_a_broken_state_file_stops_that_customer_alone(world: SimpleNamespace, kind: str) -> None:
    world.gitops.commit({".slipway/customers/bre.yaml": STATES[kind]})
    begun = time.process_time()
    assert customer(world, "bre").problem is not None
    assert customer(world, "dal").problem is None
    assert time.process_time() - begun < 2, "seconds of this process alone: the machine may be busy"


def test_a_state_file_that_is_a_link_stops_that_customer(world: SimpleNamespace) -> None:
    link(world, ".slipway/customers/bre.yaml", "../held.yaml")
    world.gitops.commit({".slipway/held.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    assert customer(world, "bre").problem is not None
    assert planned(world, "bre").standing == "refused"


def test_a_customer_whose_folder_is_a_link_is_named_not_forgotten(world: SimpleNamespace) -> None:
    link(world, "customers/bre", "fjord")
    assert "link" in str(customer(world, "bre").problem)


def test_a_customer_whose_folder_is_a_submodule_is_named_not_forgotten(world: SimpleNamespace) -> None:
    world.gitops.git("rm", "-rq", "customers/bre")
    world.gitops.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},customers/bre")
    world.gitops.git("commit", "-qm", "submodule")
    world.gitops.git("push", "-q", "origin", "HEAD:refs/heads/main")
    assert customer(world, "bre").problem is not None


@pytest.mark.parametrize("path", ["customers/bre", "customers/bre/kustomization.yaml", ".slipway/customers/bre.yaml"])
def test_a_link_put_there_between_plan_and_push_is_not_followed(world: SimpleNamespace, path: str) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre", "dal")
    link(world, path, "fjord")
    done = commit_of(world, release, edits)
    assert {p.customer: p.standing for p in done.promotions} == {"bre": "refused", "dal": "promote"}
    assert "link" in done.promotions[0].because


@pytest.mark.parametrize(
    "value", ["see docs/readme", "registry.example.no/shop/backend", "../../x", "https://x/y", "/"]
)
def test_what_is_no_image_reference_is_not_overwritten(world: SimpleNamespace, value: str) -> None:
    world.gitops.commit(
        {"customers/dal/values.yaml": f"backend: {{image: {{digest: '{value}'}}}}\nfrontend: {{image: x/y:1}}\n"}
    )
    assert planned(world, "dal").standing == "refused"


@pytest.mark.parametrize("value", ["x/y:1", "v1/latest"])
def test_a_kustomize_digest_takes_a_digest_only(world: SimpleNamespace, value: str) -> None:
    world.gitops.commit(
        {"customers/bre/kustomization.yaml": KUSTOMIZATION.format(name="bre").replace(f'"{NONE}"', value)}
    )
    assert planned(world, "bre").standing == "refused"


def test_another_key_standing_twice_beside_the_image_is_refused(world: SimpleNamespace) -> None:
    world.gitops.commit({"customers/bre/kustomization.yaml": KUSTOMIZATION.format(name="bre") + "resources: [x]\n"})
    assert customer(world, "bre").problem is not None


def test_a_huge_file_is_refused_without_being_read(world: SimpleNamespace) -> None:
    world.gitops.commit({"customers/bre/kustomization.yaml": "#" * 40_000_000})
    tracemalloc.start()
    assert "larger than" in str(customer(world, "bre").problem)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def promote(world: SimpleNamespace, *names: str) -> RingCommit:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, *names)
    return commit_of(world, release, edits)


def test_edits_of_a_machine_that_is_gone_are_made_again(
    world: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre")
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "other"))
    assert commit_of(world, release, edits).created


def test_writers_in_threads_of_one_home_all_land(world: SimpleNamespace) -> None:
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = {n: edits_at(world, tip, release, n) for n in ("fjord", "bre", "dal")}
    failed: list[Exception] = []

    def write(name: str) -> None:
        try:
            commit_of(world, release, edits[name])
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in edits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert all(c.release == world.commits[0] for c in read_fleet(world.config).customers)


def test_a_held_customer_is_not_moved_when_planned_again_after_its_hold_went(world: SimpleNamespace) -> None:
    """What a person did not see moving in the plan they approved does not move."""
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    release, tip = release_of(world.commits[0], 1), read_fleet(world.config).tip
    edits = edits_at(world, tip, release, "bre", "dal")
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\n"})
    done = commit_of(world, release, edits)
    assert {p.customer: p.standing for p in done.promotions} == {"bre": "held", "dal": "promote"}


@pytest.mark.parametrize("end", ["crlf", "mark", "no final newline"])
@pytest.mark.parametrize("name", ["bre", "dal"])
def test_whole_files_stay_byte_exact_through_commit(world: SimpleNamespace, end: str, name: str) -> None:
    path = {"bre": "customers/bre/kustomization.yaml", "dal": "customers/dal/values.yaml"}[name]
    text = {"bre": KUSTOMIZATION.format(name="bre"), "dal": VALUES}[name]
    change = {
        "crlf": lambda t: t.replace("\n", "\r\n"),
        "mark": lambda t: "\ufeff" + t,
        "no final newline": str.rstrip,
    }[end]
    (world.gitops.work / path).write_bytes(change(text).encode())
    world.gitops.commit({}, "form")
    promote(world, name)
    got = subprocess.run(
        ["git", "-C", world.gitops.url, "show", f"main:{path}"], check=True, capture_output=True
    ).stdout
    expected = change(text).replace(f"frontend:v1@{NONE}", f"frontend@{digest(1)}").replace(NONE, digest(1)).encode()
    assert got == expected


def test_two_components_that_name_the_same_value_are_refused(world: SimpleNamespace) -> None:
    raw = world.config.model_dump()
    raw["gitops"]["targets"]["frontend"] = raw["gitops"]["targets"]["backend"]
    world.config = world.config.model_validate(raw)
    images = release_of(world.commits[0], 1).images
    release = release_of(world.commits[0], 1).model_copy(
        update={"images": (images[0], images[1].model_copy(update={"digest": digest(2)}))}
    )
    plan = make_plan(world.config, release, read_fleet(world.config))
    assert {p.standing for r in plan.rings for p in r.promotions} == {"refused"}
