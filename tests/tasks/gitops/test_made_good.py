"""An override is closed when its gate has passed since on what customers run, and by nothing less."""

from types import SimpleNamespace

import pytest
from conftest_gitops import digest

from tasks.gitops.made_good import made_good
from tasks.models import Customer, Deployed, Fleet, Gate, OpenOverride, Override, Reason, SuiteResult, Tested, Version

GREEN = SuiteResult(suite="full", component="e2e", passed=3, seconds=1, junit=True)
RED = Reason(what="e2e full: t failed")
BROKEN = Reason(what="bre: broken")


@pytest.fixture
def line(world: SimpleNamespace) -> SimpleNamespace:
    """Three commits of main, old to new, and one that main does not have."""
    world.old, world.let_pass, world.new = world.commits
    return world


def entry(world: SimpleNamespace, gate: Gate) -> OpenOverride:
    trees = {"backend": world.let_pass} if gate in ("suites", "migrations") else {}
    override = Override(gate=gate, reason="x", by="kari")
    return OpenOverride(id="it", override=override, release=world.let_pass, when="", rings=("all",), trees=trees)


def customer(name: str, release: str, tree: str = "", by_hand: bool = False, broken: bool = False) -> Customer:
    backend = Deployed(digest=digest(1), revision=release, tree=tree or release)
    return Customer(
        name=name,
        ring="all",
        release=release,
        components={"backend": backend},
        runs={"backend": digest(2) if by_hand else digest(1)},
        problem=BROKEN if broken else None,
    )


def night(release: str, green: bool = True) -> Tested:
    version = Version(release=release, images=(), customers=("bre",))
    return Tested(version=version, result=GREEN, reasons=() if green else (RED,))


def closed(world: SimpleNamespace, gate: Gate, customers: list[Customer], *told: Tested) -> str:
    fleet = Fleet(tip=world.let_pass, customers=tuple(customers))
    return made_good(world.config, fleet, [entry(world, gate)], told).get("it", "")


def test_the_full_suite_on_the_release_or_a_newer_one_makes_e2e_good(line: SimpleNamespace) -> None:
    there = [customer("bre", line.let_pass), customer("dal", line.new)]
    assert "suite passed" in closed(line, "e2e", there, night(line.let_pass))
    assert "suite passed" in closed(line, "e2e", there, night(line.new))
    assert not closed(line, "e2e", there, night(line.old)), "an older version says nothing of it"
    assert not closed(line, "e2e", there, night(line.new, green=False))
    assert not closed(line, "e2e", there, night(line.new), night(line.let_pass, green=False)), "customers run it, red"
    assert not closed(line, "e2e", there), "nothing was tested"


def test_e2e_is_moot_once_nobody_runs_the_release_or_anything_newer(line: SimpleNamespace) -> None:
    assert "no customer runs" in closed(line, "e2e", [customer("bre", line.old)])
    for unknown in ({"broken": True}, {"by_hand": True}):
        assert not closed(line, "e2e", [customer("bre", line.old, **unknown)])


def test_suites_are_made_good_by_another_tree_everywhere(line: SimpleNamespace) -> None:
    newer = customer("dal", line.new)
    assert closed(line, "suites", [newer])
    assert not closed(line, "suites", [newer, customer("bre", line.let_pass)]), "one is left behind"
    assert not closed(line, "suites", [customer("bre", line.new, tree=line.let_pass)]), "newer, but the same component"
    assert not closed(line, "suites", [newer, customer("bre", line.new, broken=True)])
    assert not closed(line, "suites", [newer, customer("bre", line.new, by_hand=True)])
    assert closed(line, "suites", [customer("bre", line.old)]), "rolled back everywhere"


def test_migrations_need_a_newer_release_too(line: SimpleNamespace) -> None:
    assert closed(line, "migrations", [customer("bre", line.new)])
    assert not closed(line, "migrations", [customer("bre", line.old)]), "the database stays where it was"
    assert not closed(line, "migrations", [customer("bre", "f" * 40)]), "main does not have it"


def test_what_is_not_known_to_have_failed_is_for_a_person(line: SimpleNamespace) -> None:
    unknown = entry(line, "suites").model_copy(update={"trees": {}})
    fleet = Fleet(tip=line.new, customers=(customer("bre", line.new),))
    assert made_good(line.config, fleet, [unknown], ()) == {}


@pytest.mark.parametrize("gate", ["freeze", "soak"])
def test_a_moment_that_is_over_is_told_once(line: SimpleNamespace, gate: Gate) -> None:
    assert "a nightly run has told it" in closed(line, gate, [customer("bre", line.let_pass)])
