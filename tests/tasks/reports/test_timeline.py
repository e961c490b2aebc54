"""The critical path is the longest chain of steps that needed each other, not of steps that happened in turn."""

from tasks.models import Span
from tasks.reports.timeline import critical_path, wall_seconds


def test_the_longest_chain_of_dependent_steps_is_found() -> None:
    spans = {
        "checkout": Span(name="checkout", start=0, end=1),
        "build": Span(name="build", start=1, end=11, after=("checkout",)),
        "unit": Span(name="unit", start=1, end=14, after=("checkout",)),
        "e2e": Span(name="e2e", start=11, end=20, after=("build",)),
    }
    assert [s.name for s in critical_path(spans)] == ["checkout", "build", "e2e"]
    assert wall_seconds(spans) == 20


def test_waiting_for_a_person_is_not_wall_time() -> None:
    spans = {"a": Span(name="a", start=0, end=2), "b": Span(name="b", start=3600, end=3601, after=("a",))}
    assert wall_seconds(spans) == 3


def test_a_run_without_steps_has_no_path() -> None:
    assert critical_path({}) == []
    assert wall_seconds({}) == 0
