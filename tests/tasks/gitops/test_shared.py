"""One file for all customers: a ring, a rollback and a race set every customer of it, and nothing of anybody else."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from conftest_gitops import NONE, config_for, digest, edits_at, release_of
from test_commit import file_at_tip, promote, remote

from tasks.gitops.fleet import read_fleet
from tasks.gitops.rollback import rollback
from tasks.models import Hold

CUSTOMERS = ("bre", "dal", "elv", "fjord")
BACK = Hold(reason="broken", owner="kari")
LAYOUTS = {
    "by key": ("customers.{customer}", "  {name}:   # {name}\n"),
    "by name": ("customers[name={customer}]", "  - name: {name}\n"),
    "by a part of a key": ("customers.shop-{customer}", "  shop-{name}:\n"),
    "by a part of a name": ("customers[name=shop-{customer}.no]", "  - name: shop-{name}.no\n"),
}


def entry(title: str, name: str) -> str:
    images = f"    backend: registry.example.no/shop/backend@{NONE}\n    frontend: {{digest: '{NONE}'}}   # a page\n"
    return LAYOUTS[title][1].format(name=name) + images


@pytest.fixture(params=LAYOUTS)
def one_file(request: pytest.FixtureRequest, repository: Callable) -> SimpleNamespace:
    """Four customers in `fleet.yaml`, and an app with three commits."""
    app, gitops = repository("app"), repository("gitops")
    commits = [app.commit({"backend/a": str(n), "frontend/a": "1"}, f"change {n}") for n in range(3)]
    gitops.commit({"fleet.yaml": "customers:\n" + "".join(entry(request.param, c) for c in CUSTOMERS)})
    at = LAYOUTS[request.param][0]
    targets = {
        "backend": [{"file": "fleet.yaml", "path": f"{at}.backend"}],
        "frontend": [{"file": "fleet.yaml", "path": f"{at}.frontend.digest"}],
    }
    plain = config_for(app.url, gitops.url).model_dump()
    config = config_for(app.url, gitops.url).model_validate(
        {**plain, "gitops": {**plain["gitops"], "targets": targets}}
    )
    return SimpleNamespace(app=app, gitops=gitops, commits=commits, config=config)


def running(world: SimpleNamespace) -> dict[str, set[str]]:
    return {c.name: set(c.runs.values()) for c in read_fleet(world.config).customers}


def test_a_ring_moves_every_customer_of_the_file_and_nobody_else(one_file: SimpleNamespace) -> None:
    before = file_at_tip(one_file, "fleet.yaml")
    promoted = promote(one_file, release_of(one_file.commits[0], 1), "bre", "dal", "elv")
    assert promoted.created
    assert running(one_file) == {**dict.fromkeys(("bre", "dal", "elv"), {digest(1)}), "fjord": {NONE}}
    after = file_at_tip(one_file, "fleet.yaml")
    assert after.replace(digest(1), NONE) == before, "not another byte"
    again = promote(one_file, release_of(one_file.commits[0], 1), "bre", "dal", "elv")
    assert (again.created, {p.standing for p in again.promotions}) == (False, {"unchanged"})
    promote(one_file, release_of(one_file.commits[1], 2), *CUSTOMERS)
    assert running(one_file) == dict.fromkeys(CUSTOMERS, {digest(2)})


def test_the_same_ring_on_the_same_tip_is_the_same_commit(one_file: SimpleNamespace) -> None:
    tip, release = read_fleet(one_file.config).tip, release_of(one_file.commits[0], 1)
    first = promote(one_file, release, "bre", "dal")
    one_file.gitops.git("push", "--quiet", "--force", "origin", f"{tip}:refs/heads/main")
    assert promote(one_file, release, "bre", "dal").commit == first.commit


def test_a_line_that_somebody_adds_meanwhile_is_kept(one_file: SimpleNamespace) -> None:
    from conftest_gitops import commit_of

    release = release_of(one_file.commits[0], 1)
    edits = edits_at(one_file, read_fleet(one_file.config).tip, release, "bre", "dal")
    one_file.gitops.commit({"fleet.yaml": file_at_tip(one_file, "fleet.yaml") + "\nnote: hello\n"}, "note")
    commit_of(one_file, release, edits)
    assert file_at_tip(one_file, "fleet.yaml").endswith("note: hello\n")
    assert running(one_file)["bre"] == running(one_file)["dal"] == {digest(1)}


def test_a_rollback_takes_each_customer_to_its_own_release(one_file: SimpleNamespace) -> None:
    first, second, third = one_file.commits
    promote(one_file, release_of(first, 1), *CUSTOMERS)
    promote(one_file, release_of(second, 2), "bre", "dal")
    promote(one_file, release_of(third, 3), *CUSTOMERS)
    done = rollback(one_file.config, ["bre", "dal", "elv"], BACK)
    assert running(one_file) == {"bre": {digest(2)}, "dal": {digest(2)}, "elv": {digest(1)}, "fjord": {digest(3)}}
    assert remote(one_file, "diff", "--name-only", f"{done.commit}~1", done.commit).splitlines() == [
        ".slipway/customers/bre.yaml",
        ".slipway/customers/dal.yaml",
        ".slipway/customers/elv.yaml",
        "fleet.yaml",
    ]
    assert {c.name for c in read_fleet(one_file.config).customers if c.hold} == {"bre", "dal", "elv"}
