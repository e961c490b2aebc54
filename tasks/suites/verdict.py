"""Turns how a suite's container ended, and its JUnit file, into what one attempt said, and attempts into a result or reasons."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.containers import Breach, Ended
from tasks.errors import ReleaseRefused
from tasks.models import Gate, Quarantine, Reason, SuiteResult, TestCase
from tasks.suites import junit, kept
from tasks.suites.files import JUNIT

SHOWN_TESTS = 20
LONGEST_LINE = 300
FAILED_TESTS = 1
"""The exit code of runners whose tests failed (pytest, node, vitest, jest, Playwright, go); another one says more than that."""
NAMES = {"timeout": "time", "memory": "memory", "pids": "process", "disk": "disk", "output": "output"}
KILLED = 137
"""128 and SIGKILL."""


class SuiteFailed(ReleaseRefused):
    """Tests did not pass; `result` says which, the reasons name each."""

    def __init__(self, *reasons: Reason | str, result: SuiteResult | None = None) -> None:
        super().__init__(*reasons)
        self.result = result

    @property
    def gate(self) -> Gate | None:
        """The gate that says it: which override lets it pass; None when it is not known which tests failed."""
        return "suites" if self.result else None


class Attempt(NamedTuple):
    """What one run of a suite's command said, before anything is forgiven."""

    result: SuiteResult
    """`failed` are the tests that the JUnit file calls so."""
    crash: TestCase | None
    """What no failed test explains: an exit code, a limit, a file that is no JUnit. It has the suite's name."""
    passed: frozenset[str]
    folder: Path
    breach: Breach | None = None
    killed: bool = False
    """Whether somebody ended it from outside, as Cancel does."""
    words: tuple[Reason, ...] = ()
    """What is told beside the failed tests, such as the last lines of the app."""

    @property
    def clean(self) -> bool:
        """Whether there is nothing to forgive."""
        return not (self.result.failed or self.crash)


def read(
    component: str,
    suite: str,
    ended: Ended,
    folder: Path,
    seconds: float,
    *,
    wanted: bool = False,
    allow_empty: bool = True,
) -> Attempt:
    """What an attempt said; `folder` holds its JUnit file and output.

    Exit code and JUnit must agree: beside a green file a red exit code is a crash, and so is one that says more than that
    tests failed. So is no file where the command was to write one (`wanted`), and a file without a test unless that is allowed.
    """
    file, found, problem = folder / kept.JUNIT, junit.Read(0, (), 0), ""
    if file.exists():
        try:
            found = junit.read(file)
        except junit.Unreadable as error:
            problem = f"its JUnit file cannot be read: {error}"
        if not allow_empty and not problem and found.passed + len(found.failed) + found.skipped == 0:
            problem = "it ran no test"
    elif JUNIT in ended.left_out:
        problem = "its JUnit file cannot be read: it is too large"
    elif wanted:
        problem = "its command names $JUNIT, but no file was written there"
    explained = not ended.exit_code or (found.failed and ended.exit_code == FAILED_TESTS)
    crash = None
    if problem or ended.breach or not explained:
        crash = TestCase(name=suite, message=_ending(ended) or problem, output="\n".join(ended.tail))
    result = SuiteResult(
        suite=suite,
        component=component,
        passed=found.passed,
        failed=found.failed,
        skipped=found.skipped,
        seconds=seconds,
        junit=file.exists() and not problem,
    )
    return Attempt(result, crash, found.names, folder, ended.breach, ended.exit_code == KILLED)


def end(result: SuiteResult, quarantine: Quarantine, attempt: Attempt) -> SuiteResult:
    """The result of a suite that passed. Raises `SuiteFailed`: the limit it went over, each failed test, the attempt's own words."""
    if not result.failed:
        return result
    log_file, over = attempt.folder / kept.OUTPUT, []
    if attempt.breach and attempt.crash:
        over = [_over(result, attempt.breach, attempt.crash.output, log_file)]
    tests = [t for t in result.failed if not (over and t is attempt.crash)]
    raise SuiteFailed(*over, *_reasons(result, tests, quarantine, log_file), *attempt.words, result=result)


def _ending(ended: Ended) -> str:
    """How a command ended that did not end well; empty for one that did."""
    if ended.breach:
        return f"stopped at its limit: {ended.breach.seen}"
    return f"ended with exit code {ended.exit_code}" if ended.exit_code else ""


def _over(result: SuiteResult, breach: Breach, said: str, log_file: Path) -> Reason:
    """The limit, by the name that it has in the configuration."""
    place = "e2e" if result.component == "e2e" else f"components.{result.component}.suites.{result.suite}"
    key = "timeout" if breach.limit == "timeout" else f"limits.{breach.limit}"
    return Reason(
        what=f"{result.name}: stopped at its {NAMES[breach.limit]} limit: {breach.seen}\n{_indent(said)}",
        where=f"full output in {log_file}",
        next_step=f"find what needs so much, or raise {place}.{key} in release.yaml",
    )


def _reasons(result: SuiteResult, tests: Sequence[TestCase], quarantine: Quarantine, log_file: Path) -> list[Reason]:
    shown = [_reason(result, test, quarantine, log_file) for test in tests[:SHOWN_TESTS]]
    if (more := len(tests) - SHOWN_TESTS) > 0:
        shown.append(Reason(what=f"{result.name}: {more} more tests failed", where=str(log_file)))
    return shown


def _reason(result: SuiteResult, test: TestCase, quarantine: Quarantine, log_file: Path) -> Reason:
    """A test's first line of complaint; where the suite as a whole ended badly the end of the output is all there is."""
    complaint = test.message.strip().split("\n")[0][:LONGEST_LINE]
    entry = quarantine.entry(test.name)
    over = f" (its quarantine by {entry.owner} was over on {entry.until})" if entry else ""
    what = f"{result.name}: {test.name} failed{over}: {complaint}"
    if test.name == result.suite:
        what = f"{result.name}: {complaint}\n{_indent(test.output)}"
    where = f"{test.where}; " if test.where else ""
    next_step = "mend it and push again; the newest green release stays"
    return Reason(what=what, where=f"{where}full output in {log_file}", next_step=next_step)


def _indent(text: str) -> str:
    return "\n".join(f"    {line[:LONGEST_LINE]}" for line in text.splitlines())
