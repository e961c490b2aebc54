"""Reads a suite's JUnit XML into counts and the tests that did not pass."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tasks.models import TestCase
from tasks.output import printable
from tasks.secrets.masking import mask

MAX_BYTES = 50_000_000
MAX_TEXT = 4_000
MAX_FAILED = 1_000
MAX_DEPTH = 100
MAX_ELEMENTS = 2_000_000


class Unreadable(ValueError):
    """The file is not JUnit XML; its message says why."""


def read(path: Path) -> tuple[int, tuple[TestCase, ...], int]:
    """(passed, failed tests, skipped) of one JUnit file, suites nested or not. Raises `Unreadable`."""
    total, skipped, failed, more = 0, 0, [], 0
    for case in cases(path):
        total += 1
        skipped += case.find("skipped") is not None
        if _problem(case) is not None and len(failed) < MAX_FAILED:
            failed.append(_failed(case))
        elif _problem(case) is not None:
            more += 1
    passed = total - len(failed) - more - skipped
    rest = [TestCase(name=f"{more} more tests", message="failed too")] if more else []
    return passed, (*failed, *rest), skipped


def cases(path: Path) -> Iterator[ElementTree.Element]:
    """Each test of a file, one in memory at a time. Raises `Unreadable`: whoever wrote the file is not trusted."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise Unreadable("not a file" if not path.is_file() else f"larger than {MAX_BYTES} bytes")
    try:
        yield from _cases(path)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: encodings that nobody knows
        raise error if isinstance(error, Unreadable) else Unreadable(f"not XML: {error}") from error


def _cases(path: Path) -> Iterator[ElementTree.Element]:
    around: list[ElementTree.Element] = []
    events = ElementTree.iterparse(path, events=("start", "end"))  # noqa: S314 - expat limits entity expansion
    for number, (event, element) in enumerate(events):
        if event == "start":
            around.append(element)
            if len(around) > MAX_DEPTH or number > MAX_ELEMENTS:
                raise Unreadable(f"nested deeper than {MAX_DEPTH}, or more than {MAX_ELEMENTS} elements")
            continue
        around.pop()
        if element.tag == "testcase":
            yield element
        if not any(outer.tag == "testcase" for outer in around):
            element.clear()
            if around:
                around[-1].clear()


def _problem(case: ElementTree.Element) -> ElementTree.Element | None:
    failure = case.find("failure")
    return failure if failure is not None else case.find("error")


def _failed(case: ElementTree.Element) -> TestCase:
    problem = _problem(case)
    where, name = case.get("classname", ""), case.get("name", "without a name")
    text = (problem.text or "") if problem is not None else ""
    message = (problem.get("message") or text.strip().split("\n")[0]) if problem is not None else ""
    full = f"{where}::{name}" if where else name
    return TestCase(
        name=printable(full)[:MAX_TEXT], message=_shown(message)[:MAX_TEXT], output=_shown(text)[-MAX_TEXT:]
    )


def _shown(text: str) -> str:
    """Printable, line by line, and masked before it is cut."""
    return "\n".join(printable(line) for line in mask(text).splitlines())
