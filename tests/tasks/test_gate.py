"""The gate tells all reasons at once, and is transient only when waiting alone could help."""

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.gate import evidence, gate
from tasks.models import Image, SuiteResult, TestCase
from tasks.suites.verdict import SuiteFailed

IMAGE = Image(
    component="api",
    repository="registry.example.no/api",
    digest="sha256:" + "a" * 64,
    revision="1" * 40,
    tree="2" * 40,
    built=True,
    seconds=1,
)
GREEN = SuiteResult(suite="lint", component="api", passed=1, seconds=1, junit=False)
RED = SuiteResult(
    suite="unit", component="api", passed=1, failed=(TestCase(name="t", message="m"),), seconds=1, junit=True
)


def test_all_reasons_come_in_one_refusal() -> None:
    failed = SuiteFailed("api unit: t failed", result=RED)
    build = ReleaseRefused.because("build web: ended with exit code 1")
    with pytest.raises(ReleaseRefused) as caught:
        gate([IMAGE, failed, build, GREEN])
    assert [r.what for r in caught.value.reasons] == ["api unit: t failed", "build web: ended with exit code 1"]


def test_a_step_that_could_not_run_because_of_another_adds_no_reason() -> None:
    with pytest.raises(ReleaseRefused) as caught:
        gate([ReleaseRefused.because("build failed"), RuntimeError("upstream task did not complete")])
    assert len(caught.value.reasons) == 1


def test_something_unforeseen_alone_still_stops_the_release() -> None:
    with pytest.raises(ReleaseRefused, match="RuntimeError: odd"):
        gate([IMAGE, RuntimeError("odd")])


def test_only_transient_reasons_make_a_transient_refusal() -> None:
    with pytest.raises(ServiceUnavailable):
        gate([ServiceUnavailable.because("registry"), ServiceUnavailable.because("git")])
    with pytest.raises(ReleaseRefused):
        gate([ServiceUnavailable.because("registry"), ReleaseRefused.because("tests")])


def test_the_evidence_holds_failed_suites_too() -> None:
    assert evidence([IMAGE, GREEN, SuiteFailed("x", result=RED)]).suites == (GREEN, RED)
