"""Ports for the servers of tests: each process of pytest looks in a range of its own, for all look at the same moment."""

import os

from deployments import services

APART = 10_000


def free_port(preferred: int) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one, or one a good way above it."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return services.free_port(preferred + process * APART)
