"""How much is run: on every commit a part of the cases, evenly spread; all of them with SLIPWAY_RELIABILITY=large."""

import os
from collections.abc import Iterable
from typing import TypeVar

LARGE = os.environ.get("SLIPWAY_RELIABILITY") == "large"
Case = TypeVar("Case")


def some(cases: Iterable[Case], count: int) -> list[Case]:
    """All of them, or so many; the first and the last are among them."""
    every = list(cases)
    if LARGE or count >= len(every):
        return every
    return [every[n * (len(every) - 1) // max(1, count - 1)] for n in range(count)]
