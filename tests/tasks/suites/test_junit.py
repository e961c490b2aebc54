"""JUnit files of pytest, vitest and node's runner, good and broken."""

import tracemalloc
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
    "text",
    [
        "",
        "not xml",
        "<a>",
        "<a>" * 200 + "</a>" * 200,
        "<?xml version='1.0' encoding='no-such'?><a/>",
        "<?xml version='1.0' encoding='utf-7'?><a/>",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&c;</x>',
    ],
    ids=range(7),
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


def test_of_very_many_failures_a_thousand_are_told(tmp_path: Path) -> None:
    cases = "".join(f"<testcase name='t{n}'><failure>{'x' * 5000}</failure></testcase>" for n in range(1200))
    passed, failed, skipped = junit.read(written(tmp_path, f"<testsuite>{cases}<testcase name='good'/></testsuite>"))
    assert (passed, len(failed), skipped, failed[-1].name) == (1, 1001, 0, "200 more tests")
    assert max(len(t.output) for t in failed) == 4000


def test_a_file_is_read_test_by_test(tmp_path: Path) -> None:
    """Memory of one test at a time, whatever the file's size."""
    path = written(tmp_path, "<testsuite>" + "<testcase name='a'/>" * 20_000 + "</testsuite>")
    tracemalloc.start()
    assert junit.read(path)[0] == 20_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_file_with_very_many_elements_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "MAX_ELEMENTS", 1000)
    with pytest.raises(junit.Unreadable, match="more than 1000 elements"):
        junit.read(written(tmp_path, "<a>" + "<b/>" * 1000 + "</a>"))
