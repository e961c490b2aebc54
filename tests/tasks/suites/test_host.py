"""Suites on the worker itself: a checkout of the component, nothing of the worker's environment, all ended at the end."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from tasks import settled
from tasks.models import SuiteResult
from tasks.suites import host
from tasks.suites.unit import run_suite
from tasks.suites.verdict import SuiteFailed
from tests.tasks.suites.suite_app import configured

pytestmark = pytest.mark.usefixtures("base_images")
ROOT = Path(__file__).parents[3]
TESTCASE = "echo '<testsuite><testcase name=\"a\"/></testsuite>' > $JUNIT"
SMALL = {"memory": "64m", "pids": 20, "disk": "20m", "output": "200k"}


@pytest.fixture
def run(repository: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SuiteResult]:
    monkeypatch.setattr(host, "_cancelled", set())  # tests of other rooms have cancelled what this process runs
    app = repository("app")
    app.commit({"api/hello.txt": "hello\n", "other/secret.txt": "not of this component\n"})
    tree = app.git("rev-parse", "HEAD:api")

    def run_it(command: str, **settings: Any) -> SuiteResult:
        config = configured(app.url, host_suites=True, unit={"run": command, "on": "host", **settings})
        return run_suite(config, "api", "unit", None, tree)

    return run_it


def running(marker: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if marker in " ".join(p.info["cmdline"] or [])]


def test_it_runs_in_a_checkout_with_an_environment_of_its_own(
    run: Callable, monkeypatch: pytest.MonkeyPatch, slipway_home: Path
) -> None:
    monkeypatch.setenv("SLIPWAY_TOKEN", "canary")
    with pytest.raises(SuiteFailed) as failed:
        run("cat hello.txt; ls -A . .. ; env; exit 1", env={"GIVEN": "1"})
    said = str(failed.value)
    assert "hello\n" in said and "GIVEN=1" in said
    assert f"HOME={slipway_home}/scratch/suite." in said
    assert "canary" not in said and "secret.txt" not in said and ".git" not in said
    assert "PREFECT" not in said and "SLIPWAY_HOME" not in said
    assert list((slipway_home / "scratch").iterdir()) == []


def test_junit_coverage_and_services_are_as_in_a_container(run: Callable) -> None:
    reach = f"{sys.executable} -c 'import os, psycopg; psycopg.connect(os.environ[\"DATABASE_URL\"])'"
    cover = "echo '<coverage line-rate=\"0.5\"/>' > $COVERAGE"
    result = run(f"{reach} && {TESTCASE} && {cover}", services=["postgres"])
    assert (result.passed, result.coverage) == (1, 0.5)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sleep 4711", "time limit: it ran for more than 3 s"),
        ("head -c 10G /dev/zero > file", "disk limit: it wrote 20m"),
        ("for i in $(seq 30); do sleep 4711 & done; wait", "process limit: it had 20 processes"),
        ("head -c 10M /dev/zero", "output limit: it printed more than 200k"),
        (
            f"{sys.executable} -c 'x = bytearray(200_000_000); x[::4096] = bytes(48829); input()' < /dev/zero",
            "memory limit",
        ),
    ],
    ids=["hangs", "disk", "processes", "output", "memory"],
)
def test_over_a_limit_all_of_it_is_ended(run: Callable, command: str, words: str) -> None:
    with pytest.raises(SuiteFailed, match=words):
        run(command, limits=SMALL, timeout=3)
    assert running("sleep 4711") == []


def test_what_it_leaves_running_is_ended_and_not_waited_for(run: Callable) -> None:
    assert run(f"sleep 4712 & setsid sleep 4712 & {TESTCASE}", timeout=60).passed == 1
    assert running("sleep 4712") == []


def test_a_junit_file_that_is_enormous_is_not_read(run: Callable) -> None:
    with pytest.raises(SuiteFailed, match="JUnit file cannot be read: it is too large"):
        run("truncate -s 200M $JUNIT")


@pytest.mark.parametrize("trick", ["ln -s /etc/shadow $JUNIT", "mkfifo $JUNIT", "mkdir $JUNIT"])
def test_a_junit_file_that_is_none_is_not_opened(run: Callable, trick: str) -> None:
    with pytest.raises(SuiteFailed, match="no file was written there"):
        run(trick)


def test_when_the_worker_dies_its_suites_do(slipway_home: Path) -> None:
    """kill -9 lets nobody clean up: the pipe to the warden closes, and it ends its group."""
    (slipway_home / "app").mkdir()
    script = (
        "from pathlib import Path; from tasks.config.suites import Limits; from tasks.suites.host import run_on_host;"
        f"run_on_host('sleep 4713 & sleep 4713', Path({str(slipway_home)!r}), name='x', env={{}}, timeout_seconds=60,"
        f" limits=Limits(), log_file=Path({str(slipway_home / 'log')!r}))"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)})
    wait_until(lambda: len(running("sleep 4713")) >= 2)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: running("sleep 4713") == [])


@pytest.mark.parametrize("end", [host.cancel, settled.settle], ids=["cancelled", "not needed"])
def test_all_are_ended_when_their_release_is(
    run: Callable, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid.uuid4()))
    threading.Thread(target=lambda: (wait_until(lambda: running("sleep 4714")), end()), daemon=True).start()
    try:
        with pytest.raises(SuiteFailed, match="exit code 137"):
            run("sleep 4714", timeout=60)
    finally:
        settled.begin_again()
    assert running("sleep 4714") == []


def test_it_needs_the_operators_word() -> None:
    with pytest.raises(ValidationError, match=r"components\.api\.suites\.unit has on: host, which policy\.host_suites"):
        configured(unit={"run": "true", "on": "host"})


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
