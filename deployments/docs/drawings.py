"""The Mermaid drawings of the documentation: where they stand, and how they look, as Mermaid in Chromium draws them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from deployments.browser import browser
from deployments.docs import mermaid_package

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Returns the SVG, or what is wrong: Mermaid's words, and the line of the drawing where it knows one.
DRAW = """async (text) => {
  try {
    await mermaid.parse(text)
    return {svg: (await mermaid.render('drawing' + (window.drawn = (window.drawn ?? 0) + 1), text)).svg}
  } catch (error) {
    const line = error.hash?.loc?.first_line ?? error.hash?.line ?? 0
    return {problem: String(error.message ?? error), line}
  }
}"""


class Drawing(NamedTuple):
    """One drawing of a page; `line` is where its text begins."""

    page: str
    line: int
    text: str


class Broken(Exception):
    """Mermaid cannot draw it; `line` counts within the drawing, from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = max(line, 1)


def pages() -> list[Path]:
    """Every page that people read: the documentation's, and those at the top of the repository."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def drawings() -> list[Drawing]:
    """Every drawing, page by page."""
    return [one for page in pages() for one in drawings_of(str(page.relative_to(ROOT)), page.read_text())]


def drawings_of(page: str, text: str) -> list[Drawing]:
    """The drawings in a page's text."""
    return [Drawing(page, text.count("\n", 0, found.start(1)) + 1, found[1]) for found in FENCE.finditer(text)]


class Pencil:
    """A browser's page with Mermaid in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(path=mermaid_package.script())
        page.evaluate("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")

    def draw(self, text: str) -> str:
        """The drawing as SVG. Raises `Broken`."""
        done = self.page.evaluate(DRAW, text)
        if "svg" not in done:
            raise Broken(done["problem"], int(done["line"]))
        return str(done["svg"])


@contextmanager
def pencil() -> Iterator[Pencil]:
    """A pencil with a Chromium of its own."""
    with browser() as started:
        yield Pencil(started.new_page())
