"""A suite's end as lines for a person at a terminal."""

from collections.abc import Iterator

from deployments.trial.run import Tried
from tasks.models import SuiteResult


def lines(tried: Tried) -> Iterator[str]:
    """The verdict with its figures; below it each reason, and what the failed tests said."""
    yield f"{tried.name}: {'passed' if tried.green else 'FAILED'}{_figures(tried.result)}"
    for reason in tried.reasons:
        yield from (f"  {line}" for line in str(reason).splitlines())
    for test in tried.result.failed if tried.result and tried.result.junit else ():
        yield f"  {test.name}"
        yield from (f"    {line}" for line in test.output.splitlines())


def _figures(result: SuiteResult | None) -> str:
    if result is None:
        return ", it could not be run"
    counts = {"passed": result.passed, "failed": len(result.failed), "skipped": result.skipped} if result.junit else {}
    told = [f"{number} {word}" for word, number in counts.items() if number]
    told += [f"{len(result.flaky)} flaky"] if result.flaky else []
    told += [f"{len(result.forgiven)} in quarantine"] if result.forgiven else []
    told += [f"{result.coverage:.1%} of lines"] if result.coverage is not None else []
    reused = f", of {result.reused}" if result.reused else ""
    return f": {', '.join([*told, f'{result.seconds:.1f} s'])}{reused}"
