"""Where a test is: the line that failed, and the name by which its runner starts it alone."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

PLACE = re.compile(r"(?:file://)?([\w./@+-]{1,200}\.(?:py|[cm]?[jt]sx?|go|rb|java|kt|cs|php|rs|ex|exs)):(\d+)")
PLAYWRIGHT = re.compile(r"\s*(?:\[[^\]\n]{1,80}\] › )?([\w./@+-]{1,200}\.[cm]?[jt]sx?):(\d+):\d+ › ")
OTHERS = ("site-packages/", "node_modules/", "/lib/python", "internal/")
SEARCHED = 20_000
"""Characters from the end of what a test said; the line is there, and hostile text costs no time."""


def line(case: Mapping[str, str], text: str) -> str:
    """`file:line` of a failed test: by its attributes, else out of its traceback; empty where neither says."""
    file = case.get("file", "")
    places = [p for p in PLACE.findall(text[-SEARCHED:]) if not any(other in p[0] for other in OTHERS)]
    own = [p for p in places if _is_own(p[0], file or case.get("classname", ""))]
    # The innermost line of the test's own file; of other files a traceback's first is as good as any.
    for found in (own[-1:], [(file, case["line"])] if file and "line" in case else [], places[:1]):
        if found:
            return ":".join(found[0])[-200:]
    return file[-200:]


def node(case: Mapping[str, str], text: str) -> str:
    """How its runner starts one test alone; empty where nothing says it.

    pytest takes `tests/test_a.py::TestB::test_c`, where the JUnit file has the file, and Playwright the line of the test,
    `orders.spec.ts:12`, which is the first that its reporter says of it.
    """
    if found := PLAYWRIGHT.match(text):
        return f"{found[1]}:{found[2]}"
    file, name = case.get("file", ""), case.get("name", "")
    if not file.endswith(".py"):
        return ""
    module = file.removesuffix(".py").replace("/", ".")
    inner = case.get("classname", "").removeprefix(module).strip(".")
    return "::".join([file, *filter(None, inner.split(".")), name])


def _is_own(path: str, own: str) -> bool:
    """Whether a path is the file that JUnit says the test is in: by path, or as Python's dotted module."""
    stem = PurePosixPath(path).with_suffix("").as_posix().lstrip("/").replace("/", ".")
    return bool(own) and (path.endswith(own) or own.endswith(path) or own.startswith(stem) or stem.endswith(own))
