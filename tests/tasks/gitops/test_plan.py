"""A plan says for every customer what changes or why nothing does, and writes nothing."""

from types import SimpleNamespace

import pytest
from conftest_gitops import commit_of, digest, edits_at, release_of

from tasks.git import Mirror
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import release_hold
from tasks.gitops.plan import make_plan
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Plan, Promotion, Release


def planned(world: SimpleNamespace, release: Release) -> Plan:
    return make_plan(world.config, release, read_fleet(world.config))


def of(plan: Plan, customer: str) -> Promotion:
    return next(p for r in plan.rings for p in r.promotions if p.customer == customer)


def released(world: SimpleNamespace, release: Release) -> None:
    tip = read_fleet(world.config).tip
    commit_of(world, release, edits_at(world, tip, release, "fjord", "bre", "dal"))


def test_the_first_release_moves_everyone_and_shows_the_diff(world: SimpleNamespace) -> None:
    before = world.gitops.git("rev-parse", "HEAD")
    plan = planned(world, release_of(world.commits[0], 1))
    assert [r.moving for r in plan.rings] == [("fjord",), ("bre", "dal")]
    assert f'+    digest: "{digest(1)}"   # set by releases' in of(plan, "fjord").diff
    assert "+++ b/.slipway/customers/dal.yaml" in of(plan, "dal").diff
    assert world.gitops.git("ls-remote", "origin", "main").split()[0] == before


def test_a_customer_that_runs_the_images_is_unchanged_for_a_newer_commit_beside_the_components(
    world: SimpleNamespace,
) -> None:
    released(world, release_of(world.commits[2], 1))
    for number, (file, standing) in enumerate([("docs/a", "unchanged"), ("backend/a", "promote")]):
        later = world.app.commit({file: f"later {number}"}, "a word")
        assert of(planned(world, release_of(later, 1)), "bre").standing == standing
        assert of(planned(world, release_of(later, 1, head="0002")), "bre").standing == "promote"


def test_a_held_customer_stays_and_says_why(world: SimpleNamespace) -> None:
    world.gitops.commit(
        {".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari, until: 2999-01-31}\n"}
    )
    held = of(planned(world, release_of(world.commits[0], 1)), "bre")
    assert (held.standing, held.because) == ("held", "held by kari until 2999-01-31: audit")


def test_an_older_commit_never_replaces_a_newer_one(world: SimpleNamespace) -> None:
    released(world, release_of(world.commits[2], 3))
    old = of(planned(world, release_of(world.commits[1], 2)), "dal")
    assert old.standing == "superseded"
    assert world.commits[2][:7] in old.because


def test_a_digest_that_a_person_put_there_is_kept(world: SimpleNamespace) -> None:
    released(world, release_of(world.commits[0], 1))
    world.gitops.git("pull", "--quiet", "origin", "main")
    path = world.gitops.work / "customers/dal/values.yaml"
    world.gitops.commit({"customers/dal/values.yaml": path.read_text().replace(digest(1), digest(9))})
    kept = of(planned(world, release_of(world.commits[1], 2)), "dal")
    assert kept.standing == "conflict"
    assert "changed by hand" in kept.because


@pytest.mark.parametrize("value", ["v1.2", "latest", "3"])
def test_a_bare_tag_is_refused(world: SimpleNamespace, value: str) -> None:
    world.gitops.commit(
        {"customers/dal/values.yaml": f"backend: {{image: {{digest: {value}}}}}\nfrontend: {{image: x/y:1}}\n"}
    )
    assert (
        "neither a digest nor an image reference" in of(planned(world, release_of(world.commits[0], 1)), "dal").because
    )


def test_the_hash_changes_with_the_plan_and_with_nothing_else(world: SimpleNamespace) -> None:
    release = release_of(world.commits[0], 1)
    first = planned(world, release)
    world.gitops.commit({"README.md": "other\n"})
    again = planned(world, release)
    assert (first.tip != again.tip, first.hash == again.hash) == (True, True)
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: bre\nhold: {reason: audit, owner: kari}\n"})
    assert planned(world, release).hash != first.hash


def test_a_customer_that_runs_what_main_no_longer_has_is_refused_with_the_way_out(world: SimpleNamespace) -> None:
    released(world, release_of(world.commits[0], 1))
    world.app.git("checkout", "--quiet", "-b", "taken-back", world.commits[0])
    aside = world.app.commit({"backend/a": "x"}, "to be taken back")
    Mirror.open(world.config.app.repository).fetch("main")
    released(world, release_of(aside, 4))
    world.app.git("push", "--quiet", "--force", "origin", f"{world.commits[2]}:refs/heads/main")
    found = of(planned(world, release_of(world.commits[1], 2)), "bre")
    assert found.standing == "refused"
    assert "on another line; `slipway rollback bre`, then `slipway release-hold bre`" in found.because
    rollback(world.config, ["bre"], Hold(reason="taken back", owner="kari"))
    release_hold(world.config, ["bre"], "kari")
    assert of(planned(world, release_of(world.commits[1], 2)), "bre").standing == "promote"
