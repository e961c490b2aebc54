"""The checks of a release: which of them are started, all at once, and the gate that waits for their verdicts."""

from collections.abc import Sequence
from functools import partial

from prefect.futures import PrefectFuture

from tasks import gate as gates
from tasks import steps
from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.migrations import compatibility
from tasks.models import (
    Changes,
    ComponentChange,
    Evidence,
    Fleet,
    Override,
    Quarantine,
    ReleaseRequest,
    Source,
    SuiteResult,
)
from tasks.notify import wording
from tasks.reports import release as reports
from tasks.reports import tests as test_reports
from tasks.run.masked import create_markdown_artifact, create_table_artifact
from tasks.run.page import files_url
from tasks.run.verdicts import end_checks
from tasks.run.verdicts import verdicts as await_verdicts
from tasks.suites import end_to_end, pictures

TestImages = dict[tuple[str, str | None], PrefectFuture]


def build_images(config: Config, request: ReleaseRequest, source: Source, changes: Changes) -> list[PrefectFuture]:
    """Starts a build (or the look-up of what is there already) for every component."""
    return [steps.build_image.submit(config, source, change, request.reuse) for change in changes.components]


def build_test_images(
    config: Config,
    request: ReleaseRequest,
    source: Source,
    changes: Changes,
    fleet: Fleet,
    proven: Sequence[SuiteResult],
) -> TestImages:
    """Starts one build per test target that the migrations, or suites without evidence run in."""
    wanted = {
        (change.name, target)
        for change, suite, target in _unproven(config, changes, proven)
        if config.components[change.name].suites[suite].on == "image"
    }
    if (moved := _migrations(config, changes, fleet)) and moved.tool != "sql":
        wanted.add((moved.component, moved.target))
    return {
        (name, target): steps.build_target.submit(
            config,
            source,
            config.components[name].path,
            config.components[name].build_in_context,
            target,
            config.components[name].paths[1:],
            changes.component(name).key,
            request.reuse,
        )
        for name, target in sorted(wanted, key=str)
    }


def run_suites(
    config: Config,
    request: ReleaseRequest,
    changes: Changes,
    images: TestImages,
    proven: Sequence[SuiteResult],
    quarantine: Quarantine,
) -> list[PrefectFuture]:
    """Starts every suite that there is no evidence of: one that was red once runs until it is green, whatever has changed."""
    return [
        steps.run_suite.submit(config, request, changes, change, suite, images.get((change.name, target)), quarantine)
        for change, suite, target in _unproven(config, changes, proven)
    ]


def _unproven(
    config: Config, changes: Changes, proven: Sequence[SuiteResult]
) -> list[tuple[ComponentChange, str, str | None]]:
    """(component, suite, build target) of each suite that did not pass for this content yet."""
    done = {(result.component, result.suite) for result in proven}
    return [
        (change, suite, settings.target)
        for change in changes.components
        for suite, settings in config.components[change.name].suites.items()
        if (change.name, suite) not in done
    ]


def check_migrations(
    config: Config, source: Source, changes: Changes, fleet: Fleet, images: TestImages
) -> list[PrefectFuture]:
    """Starts the migration check, and a compatibility run of each release that customers run, when any customer has migrations to run."""
    settings = _migrations(config, changes, fleet)
    if settings is None:
        return []
    image = images[settings.component, settings.target] if settings.tool != "sql" else None
    running = compatibility.releases(config, fleet)
    return [
        steps.judge_migrations.submit(config, source.commit, fleet, image),
        *(steps.judge_compatibility.submit(config, source.commit, release, image) for release in running),
    ]


def _migrations(config: Config, changes: Changes, fleet: Fleet) -> Migrations | None:
    """The settings when there is something to check: a customer that is behind the others runs what they have run."""
    settings = config.migrations
    behind = len({c.head for c in fleet.customers if c.release}) > 1
    return settings if settings and (behind or changes.component(settings.component).changed) else None


def run_smoke(
    config: Config,
    request: ReleaseRequest,
    source: Source,
    changes: Changes,
    images: list[PrefectFuture],
    proven: Sequence[SuiteResult],
    quarantine: Quarantine,
) -> list[PrefectFuture]:
    """Starts each part of the end-to-end smoke suite on the built images that there is no evidence of on these.

    Where something has changed their own image is built beside the others, as it will be needed.
    """
    done = {result.suite for result in proven if result.component == "e2e"}
    parts = [part for part in end_to_end.parts(config) if part.of("smoke") not in done] if config.e2e else []
    tests = [steps.build_end_to_end.submit(config, request, source, changes)] if parts and changes.end_to_end else []
    built = next(iter(tests), None)
    return [
        *tests,
        *(
            steps.run_smoke_suite.submit(config, request, source, changes, images, built, part, quarantine)
            for part in parts
        ),
    ]


def gate(
    config: Config,
    source: Source,
    checks: Sequence[PrefectFuture],
    proven: Sequence[SuiteResult] = (),
    overrides: Sequence[Override] = (),
) -> Evidence:
    """Waits for every check that is needed, shows the tests, and lets the release pass or refuses it with all reasons.

    `proven`: the suites that there is evidence of already.
    """
    try:
        refuses = partial(gates.refuses, overrides=overrides)
        verdicts = [*proven, *await_verdicts(checks, config.gate.fail, refuses)]
    except BaseException:  # Cancel and SIGTERM arrive here; the suites' threads end as soon as their containers do
        end_checks()
        raise
    verdicts += end_to_end.without_tests(gates.evidence(verdicts).suites)
    evidence = gates.evidence(verdicts)
    show_tests(config, evidence)
    try:
        return gates.gate(verdicts, overrides)
    except SlipwayError as refused:
        refused.headline = wording.failed_checks(evidence)
        create_markdown_artifact(reports.refusal(source, refused.reasons, evidence), key="release")
        raise


def show_tests(config: Config, evidence: Evidence) -> None:
    """Puts the tests on the run's page: a table of all suites, and a page of those that did not pass."""
    if not evidence.suites:
        return
    told = test_reports.counted(evidence)
    table = test_reports.tests_table(evidence)
    create_table_artifact(
        table, key="tests", description=f"every suite{f'; see failing-tests: {told}' if told else ''}"
    )
    if page := test_reports.not_passed(evidence, files_url(config), pictures.pictures(evidence.suites)):
        create_markdown_artifact(page, key="failing-tests", description=told)
