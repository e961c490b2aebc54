"""JUnit files of pytest, vitest and node's runner, good and broken."""

from pathlib import Path

import pytest

from tasks.containers import Breach, Ended
from tasks.suites import junit
from tasks.suites.verdict import SuiteFailed, judge

PYTEST = """<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3">
<testcase classname="tests.test_orders" name="test_adds"/>
<testcase classname="tests.test_orders" name="test_ticks"><failure message="assert 1 == 2">def test_ticks(): ...</failure></testcase>
<testcase classname="tests.test_orders" name="test_later"><skipped message="later"/></testcase></testsuite></testsuites>"""
NODE = """<testsuites><testcase name="adds" classname="test"/><testsuite name="nested"><testcase name="breaks" classname="test">
<failure type="testCodeFailure" message="boom"/></testcase></testsuite></testsuites>"""


def written(folder: Path, text: str) -> Path:
    (folder / "junit.xml").write_text(text)
    return folder / "junit.xml"


def test_counts_and_failures_are_read(tmp_path: Path) -> None:
    passed, failed, skipped = junit.read(written(tmp_path, PYTEST))
    assert (passed, skipped) == (1, 1)
    assert failed[0].name == "tests.test_orders::test_ticks"
    assert failed[0].message == "assert 1 == 2"


def test_nested_suites_are_counted(tmp_path: Path) -> None:
    assert junit.read(written(tmp_path, NODE))[1][0].name == "test::breaks"


@pytest.mark.parametrize(
    "text", ["", "not xml", "<a>", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&c;</x>']
)
def test_a_broken_file_is_unreadable_and_fails_the_suite(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(junit.Unreadable):
        junit.read(path)
    with pytest.raises(SuiteFailed, match="JUnit file cannot be read"):
        judge("api", "unit", Ended(exit_code=0, tail=()), path, 1, tmp_path / "log")


def test_a_red_exit_code_beside_a_green_file_is_a_failure(tmp_path: Path) -> None:
    path = written(tmp_path, '<testsuite><testcase name="a"/></testsuite>')
    with pytest.raises(SuiteFailed, match="exit code 1"):
        judge("api", "unit", Ended(exit_code=1, tail=("last words",)), path, 1, tmp_path / "log")


def test_a_suite_without_a_file_is_judged_by_its_exit_code(tmp_path: Path) -> None:
    assert judge("api", "lint", Ended(exit_code=0, tail=()), tmp_path / "none", 1, tmp_path / "log").failed == ()
    with pytest.raises(SuiteFailed, match=r"(?s)time limit.*1 s.*last words.*components\.api\.suites\.lint\.timeout"):
        judge(
            "api",
            "lint",
            Ended(exit_code=137, tail=("last words",), breach=Breach(limit="timeout", seen="it ran for more than 1 s")),
            tmp_path / "none",
            1,
            tmp_path / "log",
        )
