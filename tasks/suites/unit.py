"""One suite (unit tests, a linter) of one component, or all of its shards at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from tasks.config.model import Config
from tasks.models import Quarantine, Reason, SuiteResult
from tasks.suites.attempts import NOBODY
from tasks.suites.end_to_end import merged
from tasks.suites.part import Part, listed, parts_of, run
from tasks.suites.verdict import SuiteFailed


def run_suite(
    config: Config, component: str, suite: str, image: str | None, tree: str, quarantine: Quarantine = NOBODY
) -> SuiteResult:
    """Runs the suite in `image` on a private network without a way out, or with `on: host` in a checkout of `tree`.

    Each shard has services, a database and a network of its own. The command sees the suite's `env`, what its services
    set, $JUNIT, $COVERAGE, $ARTIFACTS, $SHARD, $SHARDS, $SHARD_TESTS and $FAILED_TESTS; nothing of the worker's environment.
    Failed tests are run once more, see `attempts`. Raises `SuiteFailed`.
    """
    whole = Part(config, component, suite, image, tree)
    own = quarantine.of(f"{component}/{suite}")
    if whole.settings.shards == 1:
        return run(whole, own)
    tests = listed(whole) if whole.settings.tests else None
    if tests == []:
        raise _empty(component, suite, "its command `tests` names none")
    return _all_together(whole, parts_of(whole, tests), own)


def _all_together(whole: Part, parts: Sequence[Part], quarantine: Quarantine) -> SuiteResult:
    """Every shard to its end, so that all failed tests are told."""
    with ThreadPoolExecutor(len(parts), thread_name_prefix="shard") as pool:
        futures = [pool.submit(copy_context().run, run, part, quarantine) for part in parts]
    errors = [error for f in futures if (error := f.exception())]
    if unforeseen := [e for e in errors if not isinstance(e, SuiteFailed)]:
        raise unforeseen[0]
    failures = [e for e in errors if isinstance(e, SuiteFailed)]
    results = [f.result() for f in futures if not f.exception()] + [e.result for e in failures if e.result]
    result = merged(whole.suite, results)
    if failures:
        raise SuiteFailed(*dict.fromkeys(r for e in failures for r in e.reasons), result=result)
    if result.junit and not result.passed + result.skipped and not whole.settings.allow_empty:
        raise _empty(whole.component, whole.suite, "none of its shards ran a test", result)
    return result


def _empty(component: str, suite: str, why: str, result: SuiteResult | None = None) -> SuiteFailed:
    step = f"mend its command, or set components.{component}.suites.{suite}.allow_empty in release.yaml"
    return SuiteFailed(Reason(what=f"{component} {suite}: it ran no test: {why}", next_step=step), result=result)
