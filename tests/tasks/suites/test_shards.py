"""Shards: containers at once, each with a part of the tests that takes about as long as any other's; one result."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.suites import durations
from tasks.suites.verdict import SuiteFailed
from tests.tasks.suites.suite_app import run

pytestmark = pytest.mark.usefixtures("base_images")
LIST = "printf 'tests/test_a.py\\ntests/test_b.py\\ntests/test_c.py\\n\\ntests/test_d.py\\n'"
# A runner as short as can be: each file is one test, and test_a takes nine seconds by its own account.
RUNNER = """
{ echo '<testsuite>'
for file in $(cat $SHARD_TESTS); do
  case $file in *_a.py) time=9;; *) time=1;; esac
  echo "<testcase classname='$(echo ${file%.py} | tr / .)' name='test' time='$time'/>"
done
echo '</testsuite>'; } > $JUNIT
echo shard $SHARD of $SHARDS: $(cat $SHARD_TESTS)
"""


def said(home: Path) -> list[str]:
    """What the shards of the last run printed."""
    logs = (home / "runs").glob("*/api-unit-*-of-*/output.log")
    return sorted(line for log in logs for line in log.read_text().splitlines() if line.startswith("shard"))


def test_the_second_run_is_balanced_by_what_the_first_one_took(slipway_home: Path) -> None:
    first = run(RUNNER, shards=2, tests=LIST)
    assert (first.passed, first.junit, first.failed) == (4, True, ())
    assert said(slipway_home) == [
        "shard 1 of 2: tests/test_a.py tests/test_c.py",
        "shard 2 of 2: tests/test_b.py tests/test_d.py",
    ]
    shutil.rmtree(slipway_home / "runs")
    assert run(RUNNER, shards=2, tests=LIST).passed == 4
    assert said(slipway_home) == [
        "shard 1 of 2: tests/test_a.py",
        "shard 2 of 2: tests/test_b.py tests/test_c.py tests/test_d.py",
    ]


def test_every_failed_shard_is_told_and_each_has_services_of_its_own(slipway_home: Path) -> None:
    failing = "echo shard $SHARD: $DATABASE_URL; test -z $SHARD_TESTS; exit $SHARD"
    with pytest.raises(SuiteFailed, match=r"(?s)ended with exit code 1.*ended with exit code 2") as failed:
        run(failing, shards=2, services=["postgres"])
    assert failed.value.result and len(failed.value.result.failed) == 2
    urls = {line.split()[-1] for line in said(slipway_home)}
    assert len(urls) == 2


def test_a_list_that_is_empty_or_fails_is_refused() -> None:
    with pytest.raises(SuiteFailed, match="it ran no test: its command `tests` names none"):
        run(RUNNER, shards=2, tests="true")
    with pytest.raises(SuiteFailed, match="its command `tests` printed 6000000 bytes"):
        run(RUNNER, shards=2, tests="head -c 6000000 /dev/zero")
    with pytest.raises(SuiteFailed, match="ended with exit code 3"):
        run(RUNNER, shards=2, tests="echo tests/test_a.py; exit 3")


def test_shards_that_all_run_nothing_are_refused() -> None:
    with pytest.raises(SuiteFailed, match="none of its shards ran a test"):
        run("echo '<testsuite/>' > $JUNIT", shards=2)


def test_parts_are_even_and_whole() -> None:
    seconds = {"tests/test_a/x": 6.0, "tests/test_b/TestB/y": 3.0, "tests/test_b/TestB/z": 1.0, "tests/test_c/x": 5.0}
    tests = ["tests/test_a.py", "./tests/test_b.py", "tests/test_c.py", "tests/test_new.py"]  # the new one counts as 5
    assert durations.divided(tests, seconds, 2) == [
        ["tests/test_a.py", "./tests/test_b.py"],
        ["tests/test_c.py", "tests/test_new.py"],
    ]
    many = [f"tests/test_{n}.py" for n in range(1000)]
    parts = durations.divided(many, {}, 7)
    assert sorted(t for part in parts for t in part) == sorted(many)
    assert {len(part) for part in parts} == {142, 143}


@pytest.mark.parametrize(
    ("listed", "file", "classname", "name"),
    [
        ("tests/test_a.py::test_x", "", "tests.test_a", "test_x"),
        ("tests/test_a.py", "tests/test_a.py", "whatever", "test_x"),
        ("tests/test_a.py::TestA::test_x", "", "tests.test_a.TestA", "test_x"),
        ("./src/sum.test.ts", "src/sum.test.ts", "", "adds"),
    ],
)
def test_a_listed_test_is_found_in_junit(tmp_path: Path, listed: str, file: str, classname: str, name: str) -> None:
    junit = tmp_path / "junit.xml"
    given = f"file='{file}'" if file else ""
    attributes = f"{given} classname='{classname}' name='{name}' time='8'"
    junit.write_text(f"<testsuite><testcase {attributes}/></testsuite>")
    durations.record("shop", "api", "unit", junit)
    known = durations.known("shop", "api", "unit")
    assert durations.divided(["other", "more", listed], known | {"other": 1.0, "more": 1.0}, 2)[0] == [listed]


def test_a_record_that_is_broken_balances_nothing_and_is_written_anew(slipway_home: Path, tmp_path: Path) -> None:
    path = slipway_home / "durations" / "shop" / "api.unit.json"
    path.parent.mkdir(parents=True)
    for broken in ("{", "[1]", '{"a": null}', "\x00"):
        path.write_text(broken)
        assert durations.known("shop", "api", "unit") == {}
    junit = tmp_path / "junit.xml"
    junit.write_text("<testsuite><testcase classname='a' name='b' time='1e999'/></testsuite>")
    durations.record("shop", "api", "unit", junit)
    assert json.loads(path.read_text()) == {"a/b": 86400.0}
