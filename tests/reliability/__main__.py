"""Runs every proof of this folder and prints one line for each figure, as measured: cases, wrong ones, seconds, longest."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass
class Figure:
    """What the tests of one file, or those that name a figure of their own, add up to."""

    cases: int = 0
    wrong: int = 0
    skipped: int = 0
    seconds: float = 0
    longest: float = 0
    """Seconds that one case took; where a test tells it, that one writer waited."""

    def add(self, report: pytest.TestReport, told: dict) -> None:
        """One test. It counts as one case, and as a wrong one when it failed, unless it says more exactly."""
        self.seconds += report.duration
        if report.when != "call" and report.passed:
            return
        if report.skipped:
            self.skipped += 1
            return
        self.cases += told.get("cases", 1)
        self.wrong += max(told.get("wrong", 0), int(report.failed))
        self.longest = max(self.longest, told.get("longest_wait", report.duration))


@dataclass
class Figures:
    """Collects the figures while pytest runs."""

    by_name: dict[str, Figure] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each phase of a test; the file's name is the figure's, if none is told."""
        told = dict(report.user_properties)
        path = Path(report.nodeid.partition("::")[0])
        name = told.get("figure", path.stem.removeprefix("test_").replace("_", " "))
        self.by_name.setdefault(name, Figure()).add(report, told)

    def lines(self) -> list[str]:
        """A table with one line for each figure that has a case."""
        head = f"{'figure':32} {'cases':>7} {'wrong':>6} {'skipped':>8} {'seconds':>8} {'longest':>10}"
        rows = [
            f"{n:32} {f.cases:7} {f.wrong:6} {f.skipped:8} {f.seconds:8.1f} {f.longest:8.1f} s"
            for n, f in self.by_name.items()
            if f.cases or f.skipped
        ]
        return [head, *rows]


def main(arguments: list[str]) -> int:
    os.environ.setdefault("SLIPWAY_RELIABILITY", "each")
    figures = Figures()
    code = pytest.main(["--tb=short", "--show-capture=no", *(arguments or [str(HERE)])], plugins=[figures])
    print("\n".join(["", *figures.lines()]))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
