"""Reads a suite's JUnit XML into counts and the tests that did not pass."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tasks.models import TestCase
from tasks.output import printable
from tasks.secrets.masking import mask
from tasks.suites import where

MAX_BYTES = 50_000_000
MAX_TEXT = 4_000
MAX_NAME = 500
MAX_FAILED = 1_000
MAX_DEPTH = 100
MAX_ELEMENTS = 2_000_000


class Unreadable(ValueError):
    """The file is not JUnit XML; its message says why."""


class Read(NamedTuple):
    """What one JUnit file says."""

    passed: int
    failed: tuple[TestCase, ...]
    skipped: int
    names: frozenset[str] = frozenset()
    """The names of those that passed, and did not fail under the same name too."""


def read(path: Path) -> Read:
    """One JUnit file, suites nested or not. Raises `Unreadable`."""
    total, skipped, failed, more, names, bad = 0, 0, [], 0, set(), set()
    for case in cases(path):
        total += 1
        if _problem(case) is None:
            skipped += case.find("skipped") is not None
            names |= {_name(case)} if case.find("skipped") is None else set()
            continue
        bad.add(_name(case))
        if len(failed) < MAX_FAILED:
            failed.append(_failed(case))
        else:
            more += 1
    passed = total - len(failed) - more - skipped
    rest = [TestCase(name=f"{more} more tests", message="failed too")] if more else []
    return Read(passed, (*failed, *rest), skipped, frozenset(names - bad))


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


def _name(case: ElementTree.Element) -> str:
    place, name = case.get("classname", ""), case.get("name", "without a name")
    return printable(f"{place}::{name}" if place else name)[:MAX_NAME]


def _failed(case: ElementTree.Element) -> TestCase:
    problem = _problem(case)
    text = (problem.text or "") if problem is not None else ""
    message = (problem.get("message") or text.strip().split("\n")[0]) if problem is not None else ""
    return TestCase(
        name=_name(case),
        message=_shown(message)[:MAX_TEXT],
        output=_shown(text)[-MAX_TEXT:],
        where=printable(where.line(case.attrib, text)),
        retry=printable(where.node(case.attrib, text)),
    )


def _shown(text: str) -> str:
    """Printable, line by line, and masked before it is cut."""
    return "\n".join(printable(line) for line in mask(text).splitlines())
