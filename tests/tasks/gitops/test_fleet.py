"""The fleet is read from the tip alone; one customer's trouble is its own."""

import datetime
from types import SimpleNamespace

import pytest
from conftest_gitops import NONE, digest, release_of
from test_commit import file_at_tip, promote

from tasks.errors import ReleaseRefused
from tasks.gitops import state
from tasks.gitops.fleet import read_fleet
from tasks.models import Hold


def problem(world: SimpleNamespace, name: str) -> str:
    return str(next(c for c in read_fleet(world.config).customers if c.name == name).problem)


def test_customers_come_in_ring_order_before_any_release(world: SimpleNamespace) -> None:
    fleet = read_fleet(world.config)
    assert [(c.name, c.ring, c.release, c.problem) for c in fleet.customers] == [
        ("fjord", "canary", None, None),
        ("bre", "all", None, None),
        ("dal", "all", None, None),
    ]
    assert fleet.tip == world.gitops.git("rev-parse", "HEAD")


def test_what_the_files_say_is_told_beside_what_a_release_put_there(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre", "dal")
    world.gitops.git("pull", "--quiet", "origin", "main")
    text = file_at_tip(world, "customers/bre/kustomization.yaml").replace(digest(1), digest(9), 1)
    world.gitops.commit({"customers/bre/kustomization.yaml": text}, "by hand")
    found = {c.name: c for c in read_fleet(world.config).customers}
    assert found["bre"].runs == {"backend": digest(9), "frontend": digest(1)}
    assert [n for n in ("backend", "frontend") if found["bre"].is_by_hand(n)] == ["backend"]
    assert not any(found[c].is_by_hand("backend") for c in ("dal", "fjord"))
    assert found["fjord"].runs == {"backend": NONE, "frontend": NONE}


def test_a_ring_that_names_nobody_is_refused_with_who_is_there(world: SimpleNamespace) -> None:
    rings = [{"name": "canary", "customers": ["fjrod", "bree"]}, {"name": "all", "customers": "*"}]
    config = world.config.model_validate({**world.config.model_dump(), "rings": rings})
    with pytest.raises(ReleaseRefused) as caught:
        read_fleet(config)
    assert len(caught.value.reasons) == 2
    assert "ring canary names fjrod" in str(caught.value)
    assert "bre, dal, fjord" in str(caught.value)


def test_a_missing_image_key_is_one_customers_problem(world: SimpleNamespace) -> None:
    world.gitops.commit({"customers/bre/kustomization.yaml": "images: []\n"})
    told = problem(world, "bre")
    assert "bre: there is no images[name=shop/backend].digest" in told
    assert "customers/bre/kustomization.yaml" in told
    assert problem(world, "dal") == "None"


def test_a_file_behind_a_link_is_not_followed(world: SimpleNamespace) -> None:
    link = world.gitops.work / "customers/bre/kustomization.yaml"
    link.unlink()
    link.symlink_to("../fjord/kustomization.yaml")
    world.gitops.commit({}, "link")
    assert "is a link" in problem(world, "bre")


def test_hostile_names_are_left_alone(world: SimpleNamespace) -> None:
    names = ["-x", "UPPER", "a b", "..evil", "é", "a\nb", "$(id)", "x" * 80]
    world.gitops.commit({f"customers/{n}/values.yaml": "backend: {}\n" for n in names})
    assert [c.name for c in read_fleet(world.config).customers] == ["fjord", "bre", "dal"]


@pytest.mark.parametrize(
    "text",
    [
        "customer: [",
        "release: {commit: nonsense, head: x, components: {}}\ncustomer: bre\n",
        "[1]",
        "customer: bre\nextra: 1\n",
    ],
)
def test_a_broken_state_file_is_that_customers_problem(world: SimpleNamespace, text: str) -> None:
    world.gitops.commit({".slipway/customers/bre.yaml": text})
    assert ".slipway/customers/bre.yaml" in problem(world, "bre")


def test_a_customer_with_a_state_file_alone_is_missed_by_name(world: SimpleNamespace) -> None:
    world.gitops.commit({".slipway/customers/nes.yaml": "customer: nes\n"})
    assert "there is no file for backend" in problem(world, "nes")


def test_a_hold_is_in_force_until_the_end_of_its_last_day() -> None:
    today = datetime.date(2030, 1, 31)
    held = Hold(reason="audit", owner="kari", until="2030-01-31")
    assert state.holds(held, today)
    assert not state.holds(held, today + datetime.timedelta(days=1))
    assert state.holds(Hold(reason="audit", owner="kari"))
    assert state.holds(Hold(reason="audit", owner="kari", until="easter"))
    assert not state.holds(None)
