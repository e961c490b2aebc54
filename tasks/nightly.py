"""The night's questions as Prefect sees them. Each is answered by itself: what cannot be answered is red and hides no other."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from prefect.cache_policies import INPUTS, RUN_ID
from prefect.futures import PrefectFuture

from tasks import checks, steps
from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.gitops import carries, fleet, hold, ledger, made_good, needed
from tasks.images import bases, unused
from tasks.models import (
    Answer,
    Evidence,
    Fleet,
    Hold,
    Ledger,
    NightlyReport,
    Quarantine,
    Reason,
    Release,
    ReleaseRequest,
    Sighting,
    Source,
    SuiteResult,
    Tested,
    UnusedImage,
    Version,
    tag_of,
)
from tasks.reports import night as reports
from tasks.reports import quarantine as quarantines
from tasks.rollout import drift
from tasks.run.masked import create_markdown_artifact, task
from tasks.source import checkout
from tasks.source import content as contents
from tasks.source import versions as sources
from tasks.suites import end_to_end
from tasks.suites.end_to_end import EndToEndPart

NIGHTLY = "nightly"
FIRST_REASONS = 5


class Looked(NamedTuple):
    """The fleet at one time, its versions, and what each customer was seen running."""

    fleet: Fleet
    versions: tuple[Version, ...]
    sightings: tuple[Sighting, ...]


def _seen(config: Config, fleet: Fleet, versions: Sequence[Version], only: frozenset[str] | None = None) -> Looked:
    """One look at every customer whose version is known, or at some of them; nobody is waited for."""
    wanted = [
        v if only is None else v.model_copy(update={"customers": tuple(c for c in v.customers if c in only)})
        for v in versions
    ]

    def carries_for(release: Release, customer: str) -> Callable[[str], bool]:
        return partial(carries.states, config, release, fleet.tip, customer)

    return Looked(fleet, tuple(versions), drift.look(config, wanted, fleet.tip, carries_for))


def _run_shard(
    config: Config, version: Version, tests: str, part: EndToEndPart, until: float, quarantine: Quarantine
) -> SuiteResult:
    """One part of the full suite; none is begun after `until`, in seconds since 1970."""
    if time.time() > until:
        raise ReleaseRefused.because(
            f"e2e on {version.release[:7]} was not begun: the night's time is over",
            "release.yaml, nightly.timeout",
            "allow more time or more shards, or bring customers to fewer versions",
        )
    return end_to_end.run_end_to_end(config, version.images, tests, "full", part, quarantine)


def _look_again(config: Config, looked: Looked) -> tuple[tuple[Sighting, ...], tuple[str, ...]]:
    """The night's sightings, those who were not as stated seen once more; and who was moved by a release meanwhile."""
    fine = tuple(s for s in looked.sightings if s.seen == "as stated")
    wrong = {c for v in looked.versions for c in v.customers} - {s.customer for s in fine}
    if not wrong:
        return fine, ()
    now = fleet.read_fleet(config)
    before = {c.name: c.components for c in looked.fleet.customers}
    moved = {c.name for c in now.customers if c.name in wrong and c.components != before.get(c.name)}
    again = _seen(config, now, sources.versions(config, now), frozenset(wrong - moved))
    return (*fine, *again.sightings), tuple(sorted(moved))


def _go_through(config: Config, tested: Sequence[Tested]) -> tuple[Ledger, dict[str, str]]:
    """The ledger as it is now, and what was closed with the reasons; closing again writes nothing."""
    now = fleet.read_fleet(config)
    open_now = ledger.read_ledger(config, now.tip)
    good = made_good.made_good(config, now, open_now.entries, tested)
    closed = ledger.clear(config, good, NIGHTLY).closed if good else ()
    return open_now, {i: good[i] for i in closed}


def _holds(config: Config, fleet: Fleet) -> dict[str, Hold]:
    return hold.read_holds(config, fleet.tip, [c.name for c in fleet.customers])


def _unused(config: Config) -> tuple[UnusedImage, ...]:
    return unused.unused_images(config, partial(_needed, config))


def _needed(config: Config) -> frozenset[str]:
    """What the GitOps repository names, and what main is made of, which a release may be under way with."""
    source = checkout.tip(config)
    made = contents.made_of(config, source)
    found = bases.digests(contents.images(config, made))
    if unknown := sorted(name for name, digest in found.items() if not digest):
        raise ServiceUnavailable.because(
            f"what {', '.join(unknown)} is cannot be found out, and so not which images main needs", "base images"
        )
    return needed.needed_images(config) | {tag_of("", key) for key in contents.keys(source, made, found).values()}


# What the world looks like is asked anew by each attempt; what a suite said of an image stays true.
read_fleet = task(fleet.read_fleet, name="read fleet", task_run_name="read fleet", **steps.FRESH, **steps.RETRIED)
find_versions = task(
    sources.versions, name="find versions", task_run_name="find versions", **steps.FRESH, **steps.RETRIED
)
look = task(_seen, name="look", task_run_name="look at customers", **steps.FRESH)
look_again = task(_look_again, name="look again", task_run_name="look again", **steps.FRESH, **steps.RETRIED)
run_shard = task(
    _run_shard,
    name="end to end",
    task_run_name="e2e {version.release:.7} {part}",
    **(steps.STORED | {"cache_policy": (INPUTS - "until") + RUN_ID}),
    **steps.RETRIED,
)
read_holds = task(_holds, name="read holds", task_run_name="read holds", **steps.FRESH, **steps.RETRIED)
go_through = task(
    _go_through, name="go through overrides", task_run_name="go through overrides", **steps.FRESH, **steps.RETRIED
)
find_unused = task(_unused, name="unused images", task_run_name="unused images", **steps.FRESH, **steps.RETRIED)


def begin(config: Config) -> Looked:
    """The fleet as it is stated, and a first look at every customer, before the tests put load on anything."""
    fleet = read_fleet(config)
    versions = find_versions(config, fleet)
    seen = look.submit(config, fleet, versions).result(raise_on_failure=False)
    return seen if isinstance(seen, Looked) else Looked(fleet, versions, ())  # everybody is looked at again then


def check_versions(config: Config, versions: Sequence[Version]) -> tuple[Tested, ...]:
    """The full end-to-end suite on each version, one after the other, newest first; the shards of one at once."""
    until = time.time() + config.nightly.timeout
    return tuple(_test(config, version, until) for version in versions) if config.e2e else ()


def _test(config: Config, version: Version, until: float) -> Tested:
    """What fails before a shard could run, such as a commit that main no longer has, is this version's trouble only."""
    try:
        request = ReleaseRequest(commit=version.release)
        source = steps.check_out(config, request)
        settings, key = config.e2e, _tests_key(config, source)
        assert settings  # noqa: S101 - for the type checker: without end-to-end tests no version is tested
        tests = steps.build_target(config, source, settings.path, settings.build, None, settings.paths[1:], key=key)
    except SlipwayError as error:
        return Tested(version=version, reasons=error.reasons)
    quarantine, wrong = _quarantine(config, source)
    asked = [
        run_shard.submit(config, version, tests, part, until, quarantine)
        for part in end_to_end.parts(config, config.nightly.shards)
    ]
    tested = _merged(version, [part.result(raise_on_failure=False) for part in asked])
    return tested.model_copy(update={"quarantine": quarantine, "reasons": (*wrong, *tested.reasons)})


def _tests_key(config: Config, source: Source) -> str:
    """Content key of the end-to-end tests with their base images as they are now: a newer browser is another image."""
    made = {contents.END_TO_END: contents.made_of(config, source)[contents.END_TO_END]}
    digests = contents.known(source, bases.digests(made[contents.END_TO_END].bases))
    return contents.keys(source, made, digests)[contents.END_TO_END]


def _quarantine(config: Config, source: Source) -> tuple[Quarantine, tuple[Reason, ...]]:
    """The version's tests in quarantine; of a file that is not allowed any more none, and why: the version is tested all the same."""
    try:
        return steps.read_quarantine(config, source), ()
    except ReleaseRefused as error:
        return Quarantine(), error.reasons


def _merged(version: Version, parts: Sequence[Any]) -> Tested:
    """The parts as one; a part that could not run leaves the rest to be read, and is a reason."""
    results = [p if isinstance(p, SuiteResult) else getattr(p, "result", None) for p in parts]
    there = [r for r in results if r is not None]
    name = f"full {version.release[:7]}"
    reasons = tuple(
        reason for p in [*parts, *end_to_end.without_tests(there)] if isinstance(p, Exception) for reason in _reasons(p)
    )
    result = end_to_end.merged(name, there) if there else None
    return Tested(version=version, result=result, reasons=reasons)


def ask(config: Config, looked: Looked, tested: tuple[Tested, ...]) -> NightlyReport:
    """Every other question at once, and all answers as one report."""
    asked = (
        (reports.DRIFT, look_again.submit(config, looked), lambda found: reports.drift(*found)),
        (reports.FILES, read_fleet.submit(config), reports.files),
        (reports.HOLDS, read_holds.submit(config, looked.fleet), partial(reports.holds, config)),
        (reports.OVERRIDES, go_through.submit(config, tested), lambda found: reports.overrides(*found)),
        (reports.IMAGES, find_unused.submit(config), partial(reports.images, config)),
    )
    first = (reports.end_to_end(config, looked.versions, tested), quarantines.quarantine(tested))
    answers = (_answer(config, question, future, tell) for question, future, tell in asked)
    return NightlyReport(app=config.app.name, answers=(*first, *answers))


def _answer(config: Config, question: str, asked: PrefectFuture, tell: Callable[[Any], Answer]) -> Answer:
    """The answer, or why there is none."""
    found = asked.result(raise_on_failure=False)
    if isinstance(found, unused.ImagesNotKnown):
        return reports.images(config, found.found, found.reasons)
    if isinstance(found, Exception):
        return Answer(question=question, said="could not be answered", red=_reasons(found))
    return tell(found)


def _reasons(error: Exception) -> tuple[Reason, ...]:
    if isinstance(error, SlipwayError):
        return error.reasons
    what = f"a step ended with {type(error).__name__}: {error}"
    return (
        Reason(
            what=what, where="this run's log", next_step="retry the run; if it happens again, report it with the log"
        ),
    )


def show(config: Config, report: NightlyReport, tested: Sequence[Tested]) -> NightlyReport:
    """Puts the night on the run's page: one summary, and every test that failed."""
    suites = tuple(t.result for t in tested if t.result)
    checks.show_tests(config, Evidence(images=(), suites=suites))
    create_markdown_artifact(reports.summary(report), key=NIGHTLY, description=report.headline)
    return report


def finish(report: NightlyReport) -> NightlyReport:
    """Ends the run well when all is green. Raises `ReleaseRefused` with the first reasons when anything is red."""
    if report.green:
        return report
    first, more = report.reasons[:FIRST_REASONS], len(report.reasons) - FIRST_REASONS
    rest = [Reason(what=f"and {more} more", where="this run's page, artifact nightly")] if more > 0 else []
    raise ReleaseRefused(Reason(what=f"{report.app}: the night is {report.headline}"), *first, *rest)
