"""Which checks a release needs, and what is looked at before a pull request merges by itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks import checks, steps
from tasks.checks import _migrations
from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops.edit import edit_customers
from tasks.gitops.fleet import read_fleet
from tasks.gitops.freeze import Frozen
from tasks.gitops.propose import propose
from tasks.images import proofs
from tasks.models import (
    Changes,
    ComponentChange,
    Customer,
    Edits,
    Evidence,
    Fleet,
    Release,
    ReleaseRequest,
    ReusedFrom,
    RingPlan,
    SuiteResult,
)
from tasks.reports import tests as reports
from tasks.steps import await_merge, open_pull_request
from tasks.suites import claims
from tests.contracts import ContractServer
from tests.tasks.forge.gitea_stand_in import GiteaStandIn
from tests.tasks.forge.stand_in import NAME, TOKEN
from tests.tasks.gitops.conftest_gitops import KUSTOMIZATION, config_for, release_of

BASE = "a" * 40


def needed(changed: bool, *heads: str | None) -> bool:
    """Whether the migrations are checked when customers with a release are at these heads, and one has none yet."""
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    config = Config.model_validate(settings | {"migrations": {"component": "backend", "tool": "sql"}})
    changes = Changes(
        base=BASE, components=(ComponentChange(name="backend", tree=BASE, changed=changed),), end_to_end=False
    )
    customers = [Customer(name=f"c{n}", ring="all", release=BASE, head=head) for n, head in enumerate(heads)]
    fleet = Fleet(tip=BASE, customers=(*customers, Customer(name="new", ring="all")))
    return _migrations(config, changes, fleet) is not None


@pytest.mark.parametrize(
    ("changed", "heads", "wanted"),
    [
        (True, ("0002", "0002"), True),
        (False, ("0002", "0002"), False),
        (False, ("0002", "0001"), True),
        (False, ("0002", None), True),
        (False, (), False),
    ],
)
def test_migrations_are_checked_when_any_customer_has_some_to_run(
    changed: bool, heads: tuple[str | None, ...], wanted: bool
) -> None:
    assert needed(changed, *heads) is wanted


def test_a_suite_runs_unless_it_passed_for_its_own_content_whatever_became_of_that_release(
    registry_address: str, tmp_path: Path
) -> None:
    """The release before failed after its unit tests had passed: nobody runs it, and yet they need not run again."""
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    for component in settings["components"].values():
        component["image"] = f"{registry_address}/{tmp_path.name.lower().replace('_', '-').strip('-')}"
        component["suites"] = {"unit": {"run": "pytest"}, "lint": {"run": "ruff"}}
    config, request = Config.model_validate(settings), ReleaseRequest(commit=BASE)
    components = tuple(
        ComponentChange(name=name, tree=BASE, key=letter * 64, changed=letter == "a")
        for name, letter in (("backend", "a"), ("frontend", "b"))
    )
    changes = Changes(base=BASE, components=components, end_to_end=False)
    passed = SuiteResult(suite="unit", component="backend", passed=1, seconds=1, junit=True)
    claim = claims.of_suite(config, components[0], "unit", changes.digests)
    proofs.proven(claim, lambda: passed, ReusedFrom.now("failed-later", ""))

    (found,) = steps.find_evidence.fn(config, request, changes)
    assert found.reused.run == "failed-later"
    left = [(c.name, suite) for c, suite, _ in checks._unproven(config, changes, [found])]
    assert left == [("backend", "lint"), ("frontend", "unit"), ("frontend", "lint")], "also what has not changed"
    assert steps.find_evidence.fn(config, request.model_copy(update={"reuse": False}), changes) == []
    assert reports.tests_table(Evidence(images=(), suites=(found, passed)))[0]["reused from"].startswith(
        "failed-later ("
    )


@pytest.fixture
def proposed(repository: Callable, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A ring whose pull request is open and would merge by itself; the run that opened it was killed then."""
    app, gitops, there = repository("app"), repository("gitops"), GiteaStandIn()
    release = release_of(app.commit({"backend/a": "1", "frontend/a": "1"}), 1)
    gitops.commit({f"customers/{n}/kustomization.yaml": KUSTOMIZATION.format(name=n) for n in ("bre", "dal")})
    (tmp_path / "token").write_text(TOKEN)
    with ContractServer(there.document(), there.answer) as server:
        forge = {"kind": "gitea", "url": server.url, "project": NAME, "token_file": str(tmp_path / "token")}
        settings = config_for(app.url, gitops.url).model_dump(mode="json", by_alias=True)
        settings["gitops"]["forge"] = forge
        settings["rings"] = [{"name": "all", "customers": "*", "pull_request": {"merge": "auto", "poll": 1}}]
        world = SimpleNamespace(gitops=gitops, there=there, release=release, settings=settings)
        Mirror.open(app.url).fetch("main")
        world.tip = read_fleet(Config.model_validate(settings)).tip
        yield world


def waited_for(world: SimpleNamespace) -> object:
    """How the wait of a retry ends."""
    config, request = Config.model_validate(world.settings), ReleaseRequest(commit=world.release.commit)
    release: Release = world.release
    edits = edit_customers(config, world.tip, release, ["bre", "dal"])
    ring = RingPlan(name="all", approve=False, soak_seconds=0, promotions=edits.promotions)
    proposal = propose(
        Config.model_validate(world.settings | {"policy": {}}), request, release, ring, edits, {"Slipway-Run": "run-1"}
    )
    world.there.push("main", world.tip)
    world.there.push(proposal.branch, str(proposal.head))
    asked = open_pull_request.fn(config.gitops.forge, proposal.branch, "main", "title", "body")
    return await_merge.fn(config, request, release, ring, proposal, asked)


def test_a_pull_request_whose_plan_is_another_one_by_now_is_not_merged(proposed: SimpleNamespace) -> None:
    proposed.gitops.commit({".slipway/customers/dal.yaml": "customer: dal\nhold: {reason: audit, owner: kari}\n"})
    ended = waited_for(proposed)
    assert isinstance(ended, Edits)
    assert [p.standing for p in ended.promotions] == ["promote", "held"]
    assert [p.state for p in proposed.there.pulls] == ["open"]


def test_a_pull_request_does_not_merge_by_itself_in_a_freeze_window(proposed: SimpleNamespace) -> None:
    always = {"from": "2000-01-01T00:00", "until": "2999-01-01T00:00", "reason": "holidays"}
    proposed.settings["policy"] = {"freeze": [always]}
    with pytest.raises(Frozen):
        waited_for(proposed)
    assert [p.state for p in proposed.there.pulls] == ["open"]
