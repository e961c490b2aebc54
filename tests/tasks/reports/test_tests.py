"""The table of suites and the page of tests that did not pass: the failing line is there, and hostile text stays text."""

import datetime

from tasks.models import Evidence, Quarantined, QuarantineEntry, SuiteResult, TestCase
from tasks.reports import tests as reports

ENTRY = QuarantineEntry(test="shop::late", suite="e2e", owner="kari", reason="clock", until=datetime.date(2026, 12, 1))
FAILED = TestCase(
    name="tests.test_orders::test_ticks",
    message="assert 1 == 2\nmore",
    output="E  assert\n```\n# x",
    where="tests/test_orders.py:12",
)
KEPT = (
    "1f3a/e2e-smoke/output.log",
    "1f3a/e2e-smoke/artifacts/test-ticks/trace.zip",
    "1f3a/e2e-smoke/artifacts/odd [x](http://evil) name.png",
)
SUITE = SuiteResult(
    suite="smoke",
    component="e2e",
    passed=3,
    failed=(FAILED,),
    skipped=1,
    seconds=2.34,
    junit=True,
    flaky=(TestCase(name="shop::sometimes", message="timeout"),),
    quarantined=(
        Quarantined(entry=ENTRY, did="fail", test=TestCase(name="shop::late", message="tick")),
        Quarantined(entry=ENTRY.model_copy(update={"test": "shop::gone"}), did="not run"),
        Quarantined(entry=ENTRY.model_copy(update={"test": "shop::well"}), did="pass"),
    ),
    kept=KEPT,
)
EVIDENCE = Evidence(images=(), suites=(SUITE,))


def test_a_row_says_what_a_suite_did_and_a_line_each_test_that_is_to_be_known_of() -> None:
    assert reports.tests_table(EVIDENCE) == [
        {"suite": "e2e smoke", "result": "1 failed", "passed": 3, "skipped": 1, "flaky": 1, "quarantined": 1, "seconds": 2.3, "reused from": ""}
    ]  # fmt: skip
    assert reports.tests_section(EVIDENCE).splitlines()[-5:] == [
        "- FAILED: e2e smoke: tests.test_orders::test_ticks",
        "- FLAKY: e2e smoke: shop::sometimes",
        "- IN QUARANTINE: e2e smoke: shop::late (kari until 2026-12-01: clock)",
        "- in quarantine, and passes: e2e: shop::well, kari until 2026-12-01: clock",
        "- in quarantine, but no test that ran has this name: e2e: shop::gone, kari until 2026-12-01: clock",
    ]


def test_a_part_that_does_not_have_a_test_says_nothing_of_it_where_another_has_it() -> None:
    other = SUITE.model_copy(
        update={"quarantined": (Quarantined(entry=ENTRY.model_copy(update={"test": "shop::gone"}), did="pass"),)}
    )
    assert "no test that ran" not in reports.tests_section(Evidence(images=(), suites=(SUITE, other)))


def test_the_page_has_line_message_output_and_links_of_each_test() -> None:
    page = reports.not_passed(EVIDENCE, "https://slipway.example.no/dashboard/-/runs")
    assert page.startswith("# 1 failed test, 1 flaky test, 1 failed in quarantine\n")
    for part in (
        "## FAILED: tests.test_orders::test_ticks\n\nSuite **e2e smoke**, at `tests/test_orders.py:12`\n\n**assert 1 == 2**",
        "```\nE  assert\n'''\n# x\n```\n\n- [e2e-smoke/artifacts/test-ticks/trace.zip](https://slipway.example.no/dashboard/-/runs/1f3a/",
        "## FLAKY: shop::sometimes",
        "kari until 2026-12-01: clock",
        "## Files of e2e smoke",
        "(https://slipway.example.no/dashboard/-/runs/1f3a/e2e-smoke/artifacts/odd%20%5Bx%5D%28http%3A//evil%29%20name.png)",
    ):
        assert part in page
    assert "](http://evil" not in page


def test_a_picture_stands_at_its_test_or_behind_all_of_them() -> None:
    suite = SUITE.model_copy(update={"kept": (KEPT[0], "1f3a/e2e-smoke/artifacts/test-ticks.png", KEPT[2])})
    shown = {suite.kept[1]: "data:image/png;base64,AA", KEPT[2]: "data:image/png;base64,BB"}
    page = reports.not_passed(Evidence(images=(), suites=(suite,)), "", shown)
    assert page.index("base64,AA") < page.index("## FLAKY") < page.index("base64,BB") < page.index("## Files")
    assert page.count("base64,AA") == 1


def test_without_an_address_the_places_are_named_and_without_failures_there_is_no_page() -> None:
    assert "`runs/1f3a/e2e-smoke/output.log` in the worker's SLIPWAY_HOME" in reports.not_passed(EVIDENCE, "")
    green = SuiteResult(suite="unit", component="api", passed=1, seconds=1, junit=True)
    assert reports.not_passed(Evidence(images=(), suites=(green,)), "") == ""
