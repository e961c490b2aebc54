"""The gate's checks as Prefect runs them: all reasons, or the first one and nothing left of the others."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks import checks, command, containers, settled
from tasks import gate as gates
from tasks.config.suites import Limits
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.home import scratch
from tasks.images.lock import held
from tasks.models import Override, Source, SuiteResult
from tasks.reports.release import refusal
from tasks.run.masked import task
from tasks.run.verdicts import as_long_as_needed, end_checks, verdicts
from tasks.settled import NotNeeded
from tasks.suites.end_to_end import EndToEndFailed
from tasks.suites.host import run_on_host
from tasks.suites.verdict import SuiteFailed
from tests.harness import prefect_harness
from tests.tasks.gitops.conftest_gitops import config_for
from tests.tasks.test_gate import IMAGE, RED

pytestmark = pytest.mark.usefixtures("base_images")


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    with prefect_harness():
        yield


def refuse(seconds: float = 0.5) -> None:
    time.sleep(seconds)
    raise ReleaseRefused.because("the tests failed")


def program() -> Any:
    return command.run(["sh", "-c", "sleep 7571 & sleep 7572"], name="program", timeout_seconds=60)


def container() -> Any:
    with containers.private_network("verdicts") as network:
        return containers.run_command(
            "python:3.13-slim", "sleep 7573", network, name="suite", env={}, timeout_seconds=60
        )


def on_host() -> Any:
    with scratch("verdicts") as folder:
        (folder / "app").mkdir()
        ended = run_on_host(
            "sleep 7574",
            folder,
            name="host",
            env={},
            timeout_seconds=60,
            limits=Limits(),
            log_file=folder / "log",
        )
    raise ReleaseRefused.because(f"ended with exit code {ended.exit_code}")


def away() -> None:
    raise ServiceUnavailable.because("the registry is away")


def pushes() -> None:
    with settled.pushing("api"):
        while True:
            settled.require_needed("push api")
            time.sleep(0.1)


def image() -> Any:
    time.sleep(1.5)
    return IMAGE


def overridden() -> None:
    raise EndToEndFailed("a test failed", result=RED)


def run(fail: Any, *checks: Callable[..., Any], overrides: tuple[Override, ...] = ()) -> SimpleNamespace:
    """A flow whose gate waits for these checks; the last one needs the first one's result when it takes an argument."""

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
    def gated() -> list[Any]:
        steps = [task(as_long_as_needed(c), name=c.__name__, task_run_name=c.__name__, retries=0) for c in checks]
        submitted = [step.submit() for step in steps]
        return verdicts(submitted, fail, lambda v: gates.refuses(v, overrides))

    start = time.monotonic()
    found = gated()
    return SimpleNamespace(found=found, seconds=time.monotonic() - start)


def test_all_reasons_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    done = run("all", refuse, image, away)
    assert [type(v) for v in done.found] == [ReleaseRefused, type(IMAGE), ServiceUnavailable]
    assert "cancelled" not in caplog.text


def test_a_push_that_nobody_waits_for_is_cancelled_even_so() -> None:
    done = run("all", refuse, image, pushes)
    assert [type(v) for v in done.found] == [ReleaseRefused, type(IMAGE), NotNeeded]
    assert done.seconds < 20
    assert not settled.is_settled(), "the next gate begins anew"


def test_fast_ends_programs_and_containers_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    done = run("fast", refuse, program, container, on_host, pushes)
    assert [type(v) for v in done.found] == [ReleaseRefused, *[NotNeeded] * 4]
    assert done.seconds < 25
    assert containers.remove_leftovers(containers.run_id()) == 0
    evidence = gates.evidence(done.found)
    assert evidence.cancelled == tuple(
        f"{name}: cancelled, its result was not needed" for name in ("program", "container", "on_host", "pushes")
    )
    with pytest.raises(ReleaseRefused) as caught:
        gates.gate(done.found)
    assert [r.what for r in caught.value.reasons] == ["the tests failed"], "what was cancelled is no reason"
    source = Source(commit="1" * 40, subject="s", trees={}, author="kari")
    page = refusal(source, caught.value.reasons, evidence)
    assert "## Cancelled\n\n- program: cancelled, its result was not needed" in page


def test_what_an_override_lets_pass_cancels_nothing() -> None:
    override = Override(gate="e2e", reason="known", by="kari")
    done = run("fast", overridden, image, overrides=(override,))
    assert [type(v) for v in done.found] == [EndToEndFailed, type(IMAGE)]
    assert issubclass(EndToEndFailed, SuiteFailed) and isinstance(done.found[0], SlipwayError)


def test_shards_that_all_ran_no_test_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard of a few tests may have none; a smoke suite that finds no test at all proves nothing."""
    monkeypatch.setattr(checks, "create_table_artifact", lambda *_, **__: None)
    monkeypatch.setattr(checks, "create_markdown_artifact", lambda *_, **__: None)
    config = config_for("app", "gitops")
    source = Source(commit="1" * 40, subject="s", author="a", trees={})

    def smoke(project: str, number: int, passed: int = 0) -> SuiteResult:
        name = f"smoke {project} {number} of 2"
        return SuiteResult(suite=name, component="e2e", passed=passed, seconds=1, junit=True)

    chromium, firefox = [smoke("chromium", 1, passed=1), smoke("chromium", 2)], [smoke("firefox", n) for n in (1, 2)]
    assert len(checks.gate(config, source, [], chromium).suites) == 2
    with pytest.raises(ReleaseRefused) as caught:
        checks.gate(config, source, [], [*chromium, *firefox])
    assert [r.what for r in caught.value.reasons] == ["e2e smoke firefox: none of its 2 parts ran a test"]


def test_a_cancelled_release_does_not_begin_what_it_waited_for() -> None:
    """Another release builds the same content; what comes of it is nothing that the cancelled one needs."""

    def take() -> None:
        with held("the same content"):
            pass

    try:
        with ThreadPoolExecutor(1) as pool, held("the same content"):
            waiting = pool.submit(take)
            end_checks()
            with pytest.raises(NotNeeded):
                waiting.result(10)
    finally:
        settled.begin_again()
