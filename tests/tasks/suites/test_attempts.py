"""Two attempts, and what is forgiven: no set-up but files, as containers would have left them."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tasks import settled
from tasks.containers import Breach, Ended
from tasks.models import Quarantine, QuarantineEntry, SuiteResult
from tasks.suites import kept
from tasks.suites.attempts import NOBODY, settle
from tasks.suites.verdict import Attempt, SuiteFailed, read

DAY = datetime.date(2026, 11, 26)
FAILURE = '<failure message="m"/>'


def junit(**tests: bool) -> str:
    cases = [f'<testcase name="{n}">{"" if well else FAILURE}</testcase>' for n, well in tests.items()]
    return f"<testsuite>{''.join(cases)}</testsuite>"


class Runs:
    """Attempts as they are asked for: each (exit code, JUnit or None)."""

    def __init__(self, *attempts: tuple[int, str | None], breach: Breach | None = None) -> None:
        self.left, self.asked, self.breach = list(attempts), [], breach

    def __call__(self, failed: Sequence[str]) -> Attempt:
        self.asked.append(list(failed))
        code, text = self.left.pop(0)
        folder = kept.folder("api-unit")
        (folder / kept.ARTIFACTS).mkdir()
        (folder / kept.ARTIFACTS / "trace.zip").write_bytes(b"z")
        if text is not None:
            (folder / kept.JUNIT).write_text(text)
        return read("api", "unit", Ended(exit_code=code, tail=("last words",), breach=self.breach), folder, 1)


def quarantine(test: str, until: datetime.date = DAY) -> Quarantine:
    entry = QuarantineEntry(test=test, suite="api/unit", owner="kari", reason="clock", until=until)
    return Quarantine(day=DAY, entries=(entry,))


def failing(run: Callable[[Sequence[str]], Attempt], of: Quarantine = NOBODY, retries: int = 1) -> SuiteFailed:
    with pytest.raises(SuiteFailed) as caught:
        settle(run, retries, of)
    return caught.value


def names(result: SuiteResult | None) -> tuple[list[str], list[str]]:
    """(failed, flaky) of a result."""
    assert result
    return [t.name for t in result.failed], [t.name for t in result.flaky]


def test_what_passes_in_the_second_attempt_is_flaky_and_only_what_failed_is_asked_for() -> None:
    runs = Runs((1, junit(a=True, b=False)), (0, junit(b=True)))
    result = settle(runs, 1)
    assert runs.asked == [[], ["b"]]
    assert names(result) == ([], ["b"])
    assert (result.passed, result.seconds) == (2, 2)
    assert [Path(f).name for f in result.kept] == ["junit.xml", "trace.zip"], (
        "the first attempt's; the other's are gone"
    )


def test_a_suite_that_runs_everything_again_is_judged_test_by_test() -> None:
    result = settle(Runs((1, junit(a=True, b=False)), (1, junit(a=False, b=True))), 1)
    assert names(result) == ([], ["b", "a"])
    assert result.passed == 2


def test_failed_twice_is_failed_and_without_retries_once() -> None:
    failed = failing(Runs((1, junit(a=True, b=False)), (1, junit(b=False))))
    assert names(failed.result) == (["b"], [])
    assert len(failed.reasons) == 1
    assert names(failing(Runs((1, junit(b=False))), retries=0).result) == (["b"], [])


def test_what_the_second_attempt_did_not_run_is_not_forgiven() -> None:
    failed = failing(Runs((1, junit(a=False, b=False)), (0, junit(a=True))))
    assert names(failed.result) == (["b"], ["a"])
    assert "did not run it" in failed.result.failed[0].message


def test_a_suite_without_junit_is_flaky_as_a_whole() -> None:
    result = settle(Runs((3, None), (0, None)), 1)
    assert names(result) == ([], ["unit"])
    assert result.flaky[0].message == "ended with exit code 3"
    assert names(failing(Runs((3, None), (3, None))).result) == (["unit"], [])


def test_after_a_crash_all_tests_are_run_again() -> None:
    runs = Runs((139, junit(a=False)), (0, junit(a=True, b=True, c=True)))
    result = settle(runs, 1)
    assert runs.asked == [[], []]
    assert (result.passed, names(result)) == (3, ([], ["unit", "a"]))
    assert "unit" in names(failing(Runs((139, junit(a=True)), (139, junit(a=True)))).result)[0]


def test_a_suite_over_a_limit_is_not_run_again() -> None:
    runs = Runs((137, junit(a=False)), breach=Breach(limit="timeout", seen="1 s"))
    assert names(failing(runs).result) == (["a", "unit"], [])


def test_a_suite_that_somebody_killed_or_whose_result_nobody_needs_is_not_run_again() -> None:
    assert names(failing(Runs((137, None))).result) == (["unit"], [])
    settled.settle()
    try:
        with pytest.raises(settled.NotNeeded):
            settle(Runs((1, junit(a=False))), 1)
    finally:
        settled.begin_again()


def test_a_test_in_quarantine_may_fail_and_is_told_with_owner_and_reason() -> None:
    runs = Runs((1, junit(a=True, b=False)))
    result = settle(runs, 1, quarantine("b"))
    assert names(result) == ([], [])
    assert [(q.entry.owner, q.did, q.test.message if q.test else "") for q in result.forgiven] == [
        ("kari", "fail", "m")
    ]
    assert len(runs.asked) == 1, "it is not worth a second attempt"


@pytest.mark.parametrize(("exit_code", "text"), [(139, junit(b=False)), (2, junit(b=False)), (3, None), (0, "<a>")])
def test_quarantine_hides_neither_a_crash_nor_a_suite_without_junit(exit_code: int, text: str | None) -> None:
    for entry in ("b", "unit"):
        assert names(failing(Runs((exit_code, text), (exit_code, text)), quarantine(entry)).result)[0]


def test_a_crash_beside_a_failure_in_quarantine_is_flaky_at_best() -> None:
    assert names(settle(Runs((139, junit(b=False)), (1, junit(b=False))), 1, quarantine("b"))) == ([], ["unit"])


def test_an_entry_that_is_over_counts_again_and_the_reason_says_so() -> None:
    twice = (1, junit(b=False))
    failed = failing(Runs(twice, twice), quarantine("b", DAY - datetime.timedelta(days=1)))
    assert "its quarantine by kari was over on 2026-11-25" in failed.reasons[0].what
    assert failed.result
    assert failed.result.quarantined == ()


def test_an_entry_whose_test_passes_or_is_not_there_is_told() -> None:
    assert settle(Runs((0, junit(a=True))), 1, quarantine("a")).quarantined[0].did == "pass"
    assert settle(Runs((0, junit(a=True))), 1, quarantine("gone")).quarantined[0].did == "not run"


def test_one_test_under_a_name_that_failed_and_passed_has_failed() -> None:
    text = '<testsuite><testcase name="a"/><testcase name="a"><failure message="m"/></testcase></testsuite>'
    assert names(failing(Runs((1, text), (1, text))).result) == (["a"], [])


def test_each_of_several_failures_under_one_name_is_counted() -> None:
    failures = f'<testcase name="a">{FAILURE}</testcase>' * 3
    text = f"<testsuite>{failures}</testsuite>"
    assert names(failing(Runs((1, text), (1, text))).result) == (["a", "a", "a"], [])
