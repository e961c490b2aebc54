"""Worlds for every proof."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.world import World, make_world


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., World]:
    """Makes a world with this many customers and commits."""
    return lambda **numbers: make_world(tmp_path, **numbers)


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """Three customers and three commits."""
    return make()
