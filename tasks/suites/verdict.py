"""Turns how a suite's container ended, and its JUnit file, into a result or into reasons."""

from collections.abc import Sequence
from pathlib import Path

from tasks.containers import Breach, Ended
from tasks.errors import ReleaseRefused
from tasks.models import Gate, Reason, SuiteResult, TestCase
from tasks.suites import junit
from tasks.suites.files import JUNIT

SHOWN_TESTS = 20
LONGEST_LINE = 300
NAMES = {"timeout": "time", "memory": "memory", "pids": "process", "disk": "disk", "output": "output"}


class SuiteFailed(ReleaseRefused):
    """Tests did not pass; `result` says which, the reasons name each."""

    def __init__(self, *reasons: Reason | str, result: SuiteResult | None = None) -> None:
        super().__init__(*reasons)
        self.result = result

    @property
    def gate(self) -> Gate | None:
        """The gate that says it: which override lets it pass; None when it is not known which tests failed."""
        return "suites" if self.result else None


def judge(
    component: str,
    suite: str,
    ended: Ended,
    junit_file: Path,
    seconds: float,
    log_file: Path,
    *,
    wanted: bool = False,
    allow_empty: bool = True,
) -> SuiteResult:
    """The result of a suite that passed. Raises `SuiteFailed`, one reason per failed test, and the limit it went over.

    Exit code and JUnit must agree that all is well: a green file beside a red exit code is a failure. So is no file where
    the command was to write one (`wanted`), and a file without a test unless that is allowed.
    """
    passed, failed, skipped, problem = 0, (), 0, ""
    if junit_file.exists():
        try:
            passed, failed, skipped = junit.read(junit_file)
        except junit.Unreadable as error:
            problem = f"its JUnit file cannot be read: {error}"
        if not allow_empty and not problem and passed + len(failed) + skipped == 0:
            problem = "it ran no test"
    elif JUNIT in ended.left_out:
        problem = "its JUnit file cannot be read: it is too large"
    elif wanted:
        problem = "its command names $JUNIT, but no file was written there"
    if not failed and (ended.exit_code or ended.breach or problem):
        failed = (TestCase(name=suite, message=_ending(ended) or problem, output="\n".join(ended.tail)),)
    result = SuiteResult(
        suite=suite,
        component=component,
        passed=passed,
        failed=failed,
        skipped=skipped,
        seconds=seconds,
        junit=junit_file.exists() and not problem,
    )
    if failed:
        over = [_over(result, ended.breach, ended.tail, log_file)] if ended.breach else []
        own = [] if over and not result.junit else _reasons(result, log_file)
        raise SuiteFailed(*over, *own, result=result)
    return result


def _ending(ended: Ended) -> str:
    """How a command ended that did not end well; empty for one that did."""
    if ended.breach:
        return f"stopped at its limit: {ended.breach.seen}"
    return f"ended with exit code {ended.exit_code}" if ended.exit_code else ""


def _over(result: SuiteResult, breach: Breach, tail: Sequence[str], log_file: Path) -> Reason:
    """The limit, by the name that it has in the configuration."""
    place = "e2e" if result.component == "e2e" else f"components.{result.component}.suites.{result.suite}"
    key = "timeout" if breach.limit == "timeout" else f"limits.{breach.limit}"
    shown = _indent("\n".join(tail))
    return Reason(
        what=f"{result.component} {result.suite}: stopped at its {NAMES[breach.limit]} limit: {breach.seen}\n{shown}",
        where=f"full output in {log_file}",
        next_step=f"find what needs so much, or raise {place}.{key} in release.yaml",
    )


def _reasons(result: SuiteResult, log_file: Path) -> list[Reason]:
    name = f"{result.component} {result.suite}"
    shown = [_reason(name, test, result.junit, log_file) for test in result.failed[:SHOWN_TESTS]]
    if (more := len(result.failed) - SHOWN_TESTS) > 0:
        shown.append(Reason(what=f"{name}: {more} more tests failed", where=str(log_file)))
    return shown


def _reason(name: str, test: TestCase, from_junit: bool, log_file: Path) -> Reason:
    """A test's first line of complaint; without JUnit the end of the output is all there is."""
    complaint = test.message.strip().split("\n")[0][:LONGEST_LINE]
    what = f"{name}: {test.name} failed: {complaint}" if from_junit else f"{name}: {complaint}\n{_indent(test.output)}"
    next_step = "mend it and push again; the newest green release stays"
    return Reason(what=what, where=f"full output in {log_file}", next_step=next_step)


def _indent(text: str) -> str:
    return "\n".join(f"    {line[:LONGEST_LINE]}" for line in text.splitlines())
