"""docs/architecture.md: its drawings of the pipeline are made from the flow; all else in it is written by hand."""

import re
from collections.abc import Callable
from pathlib import Path

from deployments.docs import pipeline

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
DRAWINGS: dict[str, Callable[[], str]] = {
    "release": pipeline.release,
    "prove": pipeline.prove,
    "ring": pipeline.ring,
}
PLACE = re.compile(r"(<!-- made by `make docs`: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page() -> str:
    """The page as it stands, with the drawings of now between their marks. Raises `ValueError` where a mark is gone."""
    text = PAGE.read_text()
    if (marked := [found[2] for found in PLACE.finditer(text)]) != list(DRAWINGS):
        raise ValueError(f"{PAGE} has marks for {marked}, and wants them for {list(DRAWINGS)}")
    return PLACE.sub(lambda found: f"{found[1]}```mermaid\n{DRAWINGS[found[2]]()}\n```\n{found[3]}", text)
