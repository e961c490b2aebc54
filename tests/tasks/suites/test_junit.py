"""JUnit files of pytest, vitest and node's runner, good and broken."""

import tracemalloc
from pathlib import Path

import pytest

from tasks.containers import Breach, Ended
from tasks.models import Quarantine
from tasks.suites import junit, where
from tasks.suites.verdict import SuiteFailed, end, read

PYTEST = """<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3">
<testcase classname="tests.test_orders" name="test_adds"/>
<testcase classname="tests.test_orders" name="test_ticks"><failure message="assert 1 == 2">def test_ticks(): ...

tests/test_orders.py:12:
/venv/lib/python3.13/site-packages/x.py:3: AssertionError</failure></testcase>
<testcase classname="tests.test_orders" name="test_later"><skipped message="later"/></testcase></testsuite></testsuites>"""
NODE = """<testsuites><testcase name="adds" classname="test"/><testsuite name="nested"><testcase name="breaks" classname="test">
<failure type="testCodeFailure" message="boom"/></testcase></testsuite></testsuites>"""


def written(folder: Path, text: str) -> Path:
    (folder / "junit.xml").write_text(text)
    return folder / "junit.xml"


def judge(folder: Path, exit_code: int, *tail: str, suite: str = "unit", breach: Breach | None = None) -> None:
    attempt = read("api", suite, Ended(exit_code=exit_code, tail=tail, breach=breach), folder, 1)
    failed = (*attempt.result.failed, *([attempt.crash] if attempt.crash else []))
    end(attempt.result.model_copy(update={"failed": failed}), Quarantine(), attempt)


def test_counts_and_failures_are_read(tmp_path: Path) -> None:
    found = junit.read(written(tmp_path, PYTEST))
    assert (found.passed, found.skipped, found.names) == (1, 1, {"tests.test_orders::test_adds"})
    assert found.failed[0].name == "tests.test_orders::test_ticks"
    assert found.failed[0].message == "assert 1 == 2"
    assert found.failed[0].where == "tests/test_orders.py:12"


def test_nested_suites_are_counted(tmp_path: Path) -> None:
    assert junit.read(written(tmp_path, NODE)).failed[0].name == "test::breaks"


@pytest.mark.parametrize(
    ("case", "text", "line"),
    [
        (
            {"classname": "test"},
            "at f (file:///app/test/tickets.test.js:31:12)\n at node:internal/x.js:9:1",
            "/app/test/tickets.test.js:31",
        ),
        (
            {"classname": "tests/orders.test.ts"},
            " > lib/orders.ts:4:2\n > tests/orders.test.ts:9:20",
            "tests/orders.test.ts:9",
        ),
        ({"classname": "orders.spec.ts"}, "    at e2e/orders.spec.ts:12:5", "e2e/orders.spec.ts:12"),
        ({"file": "tests/test_a.py", "line": "7"}, "no traceback", "tests/test_a.py:7"),
        ({"classname": "a.b"}, "x" * 100_000 + ":", ""),
    ],
)
def test_the_line_that_failed_is_found(case: dict[str, str], text: str, line: str) -> None:
    assert where.line(case, text) == line


def test_pytests_own_name_of_a_test_is_made_where_the_file_is_known() -> None:
    case = {"file": "tests/test_a.py", "classname": "tests.test_a.TestB", "name": "test_c[1]"}
    assert where.node(case, "") == "tests/test_a.py::TestB::test_c[1]"
    assert where.node({"classname": "tests.test_a", "name": "test_c"}, "") == ""


def test_playwrights_own_name_of_a_test_is_the_line_that_its_reporter_says() -> None:
    case = {"classname": "orders.spec.ts", "name": "Orders › an order is late"}
    for header in ("  [chromium] › shop/orders.spec.ts:45:3 › Orders › an order ───", "  shop/orders.spec.ts:45:3 › x"):
        text = f"{header}\n\n    at /app/e2e/shop/orders.spec.ts:65:40"
        assert where.node(case, text) == "shop/orders.spec.ts:45"
        assert where.line(case, text) == "/app/e2e/shop/orders.spec.ts:65"
    assert where.node(case, "Error: at orders.spec.ts:45:3") == ""


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
    with pytest.raises(junit.Unreadable):
        junit.read(written(tmp_path, text))
    with pytest.raises(SuiteFailed, match="JUnit file cannot be read"):
        judge(tmp_path, 0)


def test_a_red_exit_code_beside_a_green_file_is_a_failure(tmp_path: Path) -> None:
    written(tmp_path, '<testsuite><testcase name="a"/></testsuite>')
    with pytest.raises(SuiteFailed, match="exit code 1"):
        judge(tmp_path, 1, "last words")


def test_a_suite_without_a_file_is_judged_by_its_exit_code(tmp_path: Path) -> None:
    judge(tmp_path, 0, suite="lint")
    with pytest.raises(SuiteFailed, match=r"(?s)time limit.*1 s.*last words.*components\.api\.suites\.lint\.timeout"):
        judge(
            tmp_path, 137, "last words", suite="lint", breach=Breach(limit="timeout", seen="it ran for more than 1 s")
        )


def test_of_very_many_failures_a_thousand_are_told(tmp_path: Path) -> None:
    cases = "".join(f"<testcase name='t{n}'><failure>{'x' * 5000}</failure></testcase>" for n in range(1200))
    passed, failed, skipped, _ = junit.read(written(tmp_path, f"<testsuite>{cases}<testcase name='good'/></testsuite>"))
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
