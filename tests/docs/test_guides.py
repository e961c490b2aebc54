"""Every guide, done word for word: each command in its order, what it prints beside what the guide shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.console import steps
from tests.docs.guide_world import GuideWorld, guide_world
from tests.docs.terminal import Reader

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("base_images")]
DOCS = Path(__file__).parents[2] / "docs"
FIRST, *LATER = GUIDES = ("adopt.md", "day-to-day.md", "expand-contract.md")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[GuideWorld]:
    """One for all guides: they are one story, and servers are started once."""
    with guide_world(tmp_path_factory.mktemp("guides")) as made:
        yield made


@pytest.fixture(scope="module")
def adopted(world: GuideWorld) -> Iterator[GuideWorld]:
    """Slipway is adopted as the first guide says; the server and the worker that it starts go on."""
    reader = world.reader()
    try:
        follow(reader, FIRST)
        yield world
    finally:
        reader.stop()


def follow(reader: Reader, page: str) -> None:
    """Does a page; what is not as it says is named with its line."""
    reader.follow(f"docs/{page}", steps((DOCS / page).read_text(encoding="utf-8")))


def test_slipway_is_adopted(adopted: GuideWorld) -> None:
    """The work is done by the fixture, on which the other guides build."""


@pytest.mark.parametrize("page", LATER)
def test_a_guide_is_done(adopted: GuideWorld, page: str) -> None:
    reader = adopted.reader()
    try:
        follow(reader, page)
    finally:
        reader.stop()
