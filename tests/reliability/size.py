"""How much is run: on every commit a part of the cases, evenly spread; with SLIPWAY_RELIABILITY=large all of them.

`make reliability` sets SLIPWAY_RELIABILITY=each: what takes minutes is done at each place once, not at every second one.
"""

import os
from collections.abc import Iterable
from typing import TypeVar

LARGE = os.environ.get("SLIPWAY_RELIABILITY") == "large"
EACH = LARGE or os.environ.get("SLIPWAY_RELIABILITY") == "each"
Case = TypeVar("Case")


def some(cases: Iterable[Case], count: int) -> list[Case]:
    """All of them, or so many; the first and the last are among them."""
    every = list(cases)
    if LARGE or count >= len(every):
        return every
    return [every[n * (len(every) - 1) // max(1, count - 1)] for n in range(count)]
