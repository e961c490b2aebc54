"""The files by which a suite and Slipway speak with each other, and where its output is kept."""

import time
from pathlib import Path

from tasks.git import home

# In the suite's own container:
JUNIT = "/tmp/slipway-junit.xml"  # noqa: S108
COVERAGE = "/tmp/slipway-coverage"  # noqa: S108
SHARD_TESTS = "/tmp/slipway-shard-tests"  # noqa: S108


def log_path(name: str) -> Path:
    """A new file for one suite's whole output; its coverage and what else it leaves lie beside it."""
    folder = home() / "logs" / "suites"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 10**6}.log"
