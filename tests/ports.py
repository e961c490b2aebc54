"""Ports for the servers of tests: each process of pytest looks in a range of its own, for all look at the same moment."""

import os
from collections.abc import Iterable

from deployments import services

APART = 10_000


def free_port(preferred: int) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one, or one a good way above it."""
    return services.free_port(preferred + _process() * APART)


def free_ports(names: Iterable[str], preferred: int) -> dict[str, int]:
    """A port for each name, one after the other."""
    ports, first = {}, preferred + _process() * APART
    for name in names:
        ports[name] = services.free_port(first)
        first = ports[name] + 1
    return ports


def _process() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
