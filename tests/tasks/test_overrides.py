"""An override lets exactly one gate pass: what it said stays to be seen, and everything else still refuses."""

import json

import pytest
from pydantic import ValidationError

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.gate import gate, make_release, passed, require_allowed
from tasks.migrations.check import MigrationsRefused, reason
from tasks.migrations.compatibility import CompatibilityRefused, SmokeFailed
from tasks.models import (
    Changes,
    Finding,
    Fleet,
    MigrationReport,
    Override,
    ReleaseRequest,
    Source,
    SuiteResult,
    TestCase,
)
from tasks.reports.release import approval_text, plan_text, refusal, release_text
from tasks.suites.end_to_end import EndToEndFailed
from tasks.suites.verdict import SuiteFailed
from tests.tasks.gitops.conftest_gitops import config_for
from tests.tasks.test_gate import IMAGE

COMMIT = "1" * 40
DROP = Finding(
    rule="drop_column",
    family="compatibility",
    blocking=True,
    revision="0003",
    object="orders.note",
    effect="code that runs fails",
    next_step="release code first",
)
REPORT = MigrationReport(head="0003", pending={"": ("0003",)}, phases={"0003": "contract"}, findings=(DROP,))


def override(*gates: str) -> tuple[Override, ...]:
    return tuple(Override(gate=g, reason="customers wait", by="kari") for g in gates)


def red(component: str, suite: str = "unit") -> SuiteResult:
    failed = (TestCase(name="t", message="m"),)
    return SuiteResult(suite=suite, component=component, passed=3, failed=failed, seconds=1, junit=True)


def failing(component: str) -> SuiteFailed:
    return SuiteFailed(f"{component} unit: t failed", result=red(component))


SMOKE = EndToEndFailed("e2e smoke: t failed", "e2e: the last lines of api", result=red("e2e", "smoke"))
MIGRATIONS = MigrationsRefused(reason(DROP), report=REPORT)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("e2e", SMOKE),
        ("suites", failing("api")),
        ("migrations", MIGRATIONS),
        ("migrations", SmokeFailed("compatibility: the release that bre runs fails its smoke")),
    ],
)
def test_a_check_that_said_no_is_passed_by_its_own_override_and_by_no_other(name: str, verdict: Exception) -> None:
    evidence = gate([IMAGE, verdict], override(name))
    (told,) = evidence.overridden
    assert (str(told), told.reasons) == (f"{name} failed, passed by kari: customers wait", verdict.reasons)  # type: ignore[attr-defined]
    for other in {"e2e", "suites", "migrations", "freeze", "soak"} - {name}:
        with pytest.raises(ReleaseRefused):
            gate([IMAGE, verdict], override(other))


def test_what_failed_stays_in_the_evidence_and_the_contract_in_the_release() -> None:
    evidence = gate([IMAGE, failing("api"), MIGRATIONS], override("suites", "migrations"))
    assert (evidence.suites, evidence.migrations) == ((red("api"),), REPORT)
    assert evidence.overridden[0].components == ("api",)
    source = Source(commit=COMMIT, subject="s", author="a", trees={})
    changes = Changes(base=None, components=(), end_to_end=False)
    release = make_release(source, changes, evidence, Fleet(tip=COMMIT, customers=()))
    assert (release.contracts, release.head) == (("0003",), "0003"), "a rollback must refuse to go back over it"
    assert release.overrides_told.startswith("suites failed, passed by kari: customers wait; migrations failed")


def test_an_override_that_was_not_needed_was_not_used() -> None:
    assert gate([IMAGE], override("e2e", "suites", "migrations")).overridden == ()
    assert [str(o) for o in gate([IMAGE], override("freeze")).overridden] == ["freeze passed by kari: customers wait"]


@pytest.mark.parametrize(
    "verdict",
    [
        ReleaseRefused.because("build api: ended with exit code 1"),
        ReleaseRefused.because("e2e: api did not become healthy"),
        CompatibilityRefused("compatibility: rows did not survive"),
        MigrationsRefused("migrations: two heads", report=MigrationReport(head=None)),
        MigrationsRefused(
            "two heads",
            report=REPORT.model_copy(update={"findings": (DROP, DROP.model_copy(update={"family": "graph"}))}),
        ),
        SuiteFailed("read back from storage, nobody knows what failed"),
        ServiceUnavailable.because("the registry did not answer"),
        RuntimeError("odd"),
    ],
)
def test_what_could_not_be_judged_nobody_passes(verdict: Exception) -> None:
    every = override("e2e", "suites", "migrations", "freeze", "soak")
    with pytest.raises((ReleaseRefused, ServiceUnavailable)):
        gate([IMAGE, SMOKE, verdict], every)


def test_a_component_that_is_called_e2e_has_suites_of_its_own() -> None:
    with pytest.raises(ReleaseRefused):
        gate([failing("e2e")], override("e2e"))
    assert passed([failing("e2e")], override("suites"))[0].components == ("e2e",)


def test_policy_allows_what_the_nightly_run_makes_good_and_no_more_unless_it_says_so() -> None:
    config = config_for("app", "gitops")
    for name in ("freeze", "soak", "e2e"):
        require_allowed(config, ReleaseRequest(commit=COMMIT, overrides=override(name)))
    for name in ("suites", "migrations"):
        with pytest.raises(ReleaseRefused, match="policy.override in release.yaml allows freeze, soak, e2e"):
            require_allowed(config, ReleaseRequest(commit=COMMIT, overrides=override(name)))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([{"gate": "tests", "reason": "x", "by": "kari"}], "'freeze', 'soak', 'e2e', 'suites' or 'migrations'"),
        ([{"gate": "e2e", "reason": "  ", "by": "kari"}], "should match pattern"),
        ([{"gate": "e2e", "reason": "x", "by": ""}], "at least 1 character"),
        ([{"gate": "e2e", "reason": "x", "by": "kari"}] * 2, "e2e is overridden twice"),
    ],
)
def test_a_request_with_a_wrong_override_is_none(overrides: list[dict[str, str]], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ReleaseRequest.model_validate({"commit": COMMIT, "overrides": overrides})


def test_the_form_that_prefect_draws_knows_the_gates_and_what_a_field_is_for() -> None:
    schema = json.dumps(ReleaseRequest.model_json_schema())
    assert '"enum": ["freeze", "soak", "e2e", "suites", "migrations"]' in schema
    assert '"pattern": "\\\\S"' in schema


def test_plan_approval_and_report_say_which_gate_was_passed_by_whom_and_what_it_had_said() -> None:
    from tasks.models import Plan, Release, RingPlan

    evidence = gate([IMAGE, SMOKE], override("e2e"))
    release = Release(commit=COMMIT, subject="s", images=(IMAGE,), head=None, overridden=evidence.overridden)
    ring = RingPlan(name="all", approve=True, soak_seconds=0, promotions=())
    plan = Plan(release=release, tip=COMMIT, rings=(ring,))
    for text in (plan_text(plan), approval_text(release, ring), release_text(plan, evidence, (), {}, {})):
        assert "e2e failed, passed by kari: customers wait" in text
    assert "e2e smoke: t failed" in plan_text(plan)
    refused = refusal(Source(commit=COMMIT, subject="s", author="a", trees={}), SMOKE.reasons, evidence)
    assert "Refused" in refused
