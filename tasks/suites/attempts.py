"""Once more: tests that failed are run again, and what two attempts say together is the suite's result.

What fails once and passes once is flaky: the suite passes, and says so. A test in quarantine may fail. Nothing else is
forgiven: not a crash, not a limit, not a test that the second attempt did not run.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from tasks.models import Quarantine, Quarantined, QuarantineEntry, SuiteResult, TestCase
from tasks.settled import require_needed
from tasks.suites import kept
from tasks.suites.files import FAILED_TESTS
from tasks.suites.verdict import Attempt, end

log = logging.getLogger(__name__)
NOBODY = Quarantine()
Run = Callable[[Sequence[str]], Attempt]
"""One attempt, from the same images, with everything else new; it is given the names of the tests that it is about."""


def settle(run: Run, retries: int, quarantine: Quarantine = NOBODY) -> SuiteResult:
    """The result of a suite, of one attempt or two. Raises `SuiteFailed` with every test that is not forgiven.

    The second attempt runs the failed tests only where the first one is sure to have run all others. None is begun after a limit,
    a kill, or when nobody needs the result any more (`NotNeeded`).
    """
    first = run(())
    wrong = [t for t in first.result.failed if not quarantine.forgives(t.name)]
    attempts = [first]
    if retries and (wrong or first.crash) and not (first.breach or first.killed):
        require_needed(first.result.name)
        whole = first.crash is not None
        log.warning("%s: %s, once more", first.result.name, "ended badly" if whole else f"{len(wrong)} failed")
        attempts.append(run(() if whole else [t.retry or t.name for t in wrong]))
    result = _together(attempts, quarantine)
    for test in result.flaky:
        log.warning("%s: flaky: %s: %s", result.name, test.name, test.message.split("\n")[0])
    for seen in result.forgiven:
        log.warning("%s: failed in quarantine: %s", result.name, seen.entry)
    return end(result, quarantine, attempts[-1])


def environment(failed: Sequence[str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """($FAILED_TESTS, file to put into the container) of an attempt; the variable is empty where all tests are run."""
    if not failed:
        return {"FAILED_TESTS": ""}, {}
    return {"FAILED_TESTS": FAILED_TESTS}, {FAILED_TESTS: "".join(f"{name}\n" for name in failed).encode()}


def _together(attempts: Sequence[Attempt], quarantine: Quarantine) -> SuiteResult:
    """Counts are of the attempt that ran everything; a test that passed once has passed."""
    first, last = attempts[0], attempts[-1]
    whole = last if first.crash else first
    said = _said(whole, attempts)
    passed = first.passed | last.passed
    flaky = [t for t in said if t.name in passed and not quarantine.forgives(t.name)]
    failed = [_failed(t, last) for t in said if t.name not in passed and not quarantine.forgives(t.name)]
    if last.crash and (last.breach or not failed):
        failed = [*failed, last.crash]
    elif first.crash and not last.crash:
        flaky = [first.crash, *flaky]
    extra = sum(t.name not in whole.passed for t in flaky if t is not first.crash)
    return whole.result.model_copy(
        update={
            "passed": whole.result.passed + extra,
            "failed": tuple(failed),
            "flaky": tuple(flaky),
            "quarantined": tuple(
                _quarantined(e, {t.name: t for t in said}, passed)
                for e in quarantine.entries
                if quarantine.forgives(e.test)
            ),
            "seconds": sum(a.result.seconds for a in attempts),
            "kept": _kept(attempts),
        }
    )


def _said(whole: Attempt, attempts: Sequence[Attempt]) -> list[TestCase]:
    """Every test that failed in any attempt. Several may have one name, and each counts."""
    names = {t.name for t in whole.result.failed}
    others = {t.name: t for a in attempts for t in a.result.failed if t.name not in names}
    return [*whole.result.failed, *others.values()]


def _failed(test: TestCase, last: Attempt) -> TestCase:
    if last.crash or test.name in [t.name for t in last.result.failed]:
        return test
    return test.model_copy(update={"message": f"{test.message}\n(the second attempt did not run it)"})


def _quarantined(entry: QuarantineEntry, said: Mapping[str, TestCase], passed: frozenset[str]) -> Quarantined:
    if entry.test in said:
        return Quarantined(entry=entry, did="fail", test=said[entry.test])
    return Quarantined(entry=entry, did="pass" if entry.test in passed else "not run")


def _kept(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """The files of attempts that failed; of one that passed nothing but its output stays."""
    for attempt in attempts:
        if attempt.clean:
            kept.forget_artifacts(attempt.folder)
    return tuple(file for attempt in attempts if not attempt.clean for file in kept.files(attempt.folder))
