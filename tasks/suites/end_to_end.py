"""End to end: the built images, by digest, on a private network with a migrated database, and the tests beside them."""

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Literal

from tasks.config.app import EndToEnd
from tasks.config.model import Config
from tasks.containers import private_network, run_command
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.models import Gate, Image, Quarantine, Quarantined, Reason, SuiteResult, TestCase, Value
from tasks.suites import app as apps
from tasks.suites import kept
from tasks.suites.attempts import NOBODY, environment, settle
from tasks.suites.files import ARTIFACTS, JUNIT
from tasks.suites.services import under
from tasks.suites.verdict import Attempt, SuiteFailed, read

SHARD = re.compile(r" \d+ of (\d+)$")


class EndToEndFailed(SuiteFailed):
    """Tests of the whole app did not pass. An app that does not start is another error: nobody knows what it would do."""

    @property
    def gate(self) -> Gate | None:
        """The gate that says it: which override lets it pass."""
        return "e2e" if self.result else None


class EndToEndPart(Value):
    """What one container of the suite runs: all of it, or one shard of one Playwright project."""

    shard: int = 1
    shards: int = 1
    project: str = ""

    def __str__(self) -> str:
        return self.of("") or "whole"

    def of(self, suite: str) -> str:
        """How the part is called: `smoke`, `smoke firefox 1 of 2`."""
        shard = f"{self.shard} of {self.shards}" if self.shards > 1 else ""
        return " ".join(filter(None, (suite, self.project, shard)))


def parts(config: Config, shards: int | None = None) -> tuple[EndToEndPart, ...]:
    """Every part of a suite, to be run at once: each project in its shards, of smoke as many as `e2e.shards` says."""
    settings = _settings(config)
    number = shards or settings.shards
    return tuple(
        EndToEndPart(shard=n, shards=number, project=project)
        for project in settings.projects or ("",)
        for n in range(1, number + 1)
    )


def run_end_to_end(
    config: Config,
    images: Sequence[Image],
    tests: str,
    which: Literal["smoke", "full"],
    part: EndToEndPart = EndToEndPart(),  # noqa: B008 - frozen
    quarantine: Quarantine = NOBODY,
) -> SuiteResult:
    """Starts the whole app from `images` and runs the e2e command in the image `tests`; failed tests once more, see `attempts`.

    Components and services are reached by their names (`http://backend:8000`). The command finds $PROJECT, $SHARD (from 1) and
    $SHARDS and runs its part; each part, and each attempt, has an app, a database and a network of its own. Raises
    `EndToEndFailed` with each failed test and the last lines of every container.
    """
    settings = _settings(config)
    try:
        return settle(
            partial(_attempt, config, settings, images, tests, which, part), settings.retries, quarantine.of("e2e")
        )
    except SuiteFailed as failed:
        raise EndToEndFailed(*failed.reasons, result=failed.result) from None


def _settings(config: Config) -> EndToEnd:
    if config.e2e is None:
        raise ReleaseRefused.because(
            "there are no end-to-end tests", "release.yaml, e2e", "add the section, or do not ask for them"
        )
    return config.e2e


def _attempt(
    config: Config,
    settings: EndToEnd,
    images: Sequence[Image],
    tests: str,
    which: Literal["smoke", "full"],
    part: EndToEndPart,
    failed: Sequence[str],
) -> Attempt:
    name, start = "-".join(part.of(f"e2e-{which}").split()), time.monotonic()
    whole = settings.full or settings.smoke if which == "full" else settings.smoke
    command = settings.retry if failed and settings.retry else whole
    folder, (named, put) = kept.folder(name), environment(failed)
    with ExitStack() as stack:
        network = stack.enter_context(private_network("e2e"))
        app, served = apps.start(config, settings, images, network, stack)
        reach("e2e:started")
        ended = run_command(
            tests,
            command,
            network,
            name=name,
            timeout_seconds=settings.timeout,
            limits=settings.limits,
            log_file=folder / kept.OUTPUT,
            env={
                **under(settings.env, served),
                "JUNIT": JUNIT,
                "ARTIFACTS": ARTIFACTS,
                "CI": "true",
                "PROJECT": part.project,
                "SHARD": str(part.shard),
                "SHARDS": str(part.shards),
                **named,
            },
            take={JUNIT: folder / kept.JUNIT, ARTIFACTS: folder / kept.ARTIFACTS},
            put=put,
        )
        reach("e2e:ended")
        # One part of a few tests may have none.
        seconds, empty = time.monotonic() - start, part.shards > 1
        attempt = read("e2e", part.of(which), ended, folder, seconds, wanted="JUNIT" in command, allow_empty=empty)
        if attempt.clean:
            return attempt
        apps.keep_lines(app, folder)
        return attempt._replace(words=tuple(apps.last_lines(app)))


def merged(suite: str, results: Sequence[SuiteResult]) -> SuiteResult:
    """The shards of one suite as one result; they ran at once, so the longest says how long."""
    return SuiteResult(
        suite=suite,
        component=results[0].component,
        passed=sum(r.passed for r in results),
        failed=tuple(test for r in results for test in r.failed),
        skipped=sum(r.skipped for r in results),
        seconds=max(r.seconds for r in results),
        junit=all(r.junit for r in results),
        flaky=tuple(test for r in results for test in r.flaky),
        quarantined=quarantined(results),
        kept=tuple(file for r in results for file in r.kept),
    )


def quarantined(results: Sequence[SuiteResult]) -> tuple[Quarantined, ...]:
    """What tests in quarantine did in any part: one that failed anywhere has failed, one that no part knows was not run."""
    worst = sorted((q for r in results for q in r.quarantined), key=lambda q: ("not run", "pass", "fail").index(q.did))
    return tuple({(q.entry.suite, q.entry.test): q for q in worst}.values())


def without_tests(results: Sequence[SuiteResult]) -> list[EndToEndFailed]:
    """An error for each suite of which no shard ran a test, project by project: one shard of a few tests may have none."""
    shards: dict[tuple[str, int], list[SuiteResult]] = {}
    for result in results:
        if result.component == "e2e" and (shard := SHARD.search(result.suite)):
            shards.setdefault((result.suite[: shard.start()], int(shard[1])), []).append(result)
    return [
        _empty(name, own) for (name, number), own in shards.items() if len(own) == number and not any(map(_ran, own))
    ]


def _ran(result: SuiteResult) -> bool:
    """Whether it ran a test, as far as anybody knows: without a JUnit file nobody counts."""
    return not result.junit or bool(result.passed or result.skipped or result.failed or result.forgiven)


def _empty(name: str, results: Sequence[SuiteResult]) -> EndToEndFailed:
    what = f"none of its {len(results)} parts ran a test"
    failed = merged(name, results).model_copy(update={"failed": (TestCase(name=name, message=what),)})
    step = "see which tests the command in release.yaml finds, under e2e"
    return EndToEndFailed(Reason(what=f"e2e {name}: {what}", next_step=step), result=failed)
