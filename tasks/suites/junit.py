"""Reads a suite's JUnit XML into counts and the tests that did not pass."""

from pathlib import Path
from xml.etree import ElementTree

from tasks.models import TestCase
from tasks.output import printable
from tasks.secrets.masking import mask

MAX_BYTES = 50_000_000
MAX_TEXT = 4_000


class Unreadable(ValueError):
    """The file is not JUnit XML; its message says why."""


def read(path: Path) -> tuple[int, tuple[TestCase, ...], int]:
    """(passed, failed tests, skipped) of one JUnit file, suites nested or not. Raises `Unreadable`."""
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES} bytes")
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))  # noqa: S314 - expat limits entity expansion
    except ElementTree.ParseError as error:
        raise Unreadable(f"not XML: {error}") from error
    failed = tuple(_failed(c) for c in cases if _problem(c) is not None)
    skipped = sum(c.find("skipped") is not None for c in cases)
    return len(cases) - len(failed) - skipped, failed, skipped


def _problem(case: ElementTree.Element) -> ElementTree.Element | None:
    failure = case.find("failure")
    return failure if failure is not None else case.find("error")


def _failed(case: ElementTree.Element) -> TestCase:
    problem = _problem(case)
    where, name = case.get("classname", ""), case.get("name", "without a name")
    text = (problem.text or "") if problem is not None else ""
    message = (problem.get("message") or text.strip().split("\n")[0]) if problem is not None else ""
    full = f"{where}::{name}" if where else name
    return TestCase(name=printable(full), message=_shown(message)[:MAX_TEXT], output=_shown(text)[-MAX_TEXT:])


def _shown(text: str) -> str:
    """Printable, line by line, and masked before it is cut."""
    return "\n".join(printable(line) for line in mask(text).splitlines())
