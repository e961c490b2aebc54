"""The results of steps that Prefect stores, one small file each, and never removes."""

import contextlib
import os
import time
from pathlib import Path

FOLDER = "PREFECT_RESULTS_LOCAL_STORAGE_PATH"
"""Prefect's setting. Where it is not given the results of all flows of this user lie together, and are left alone."""
KEPT_SECONDS = 90 * 86400
"""So long after its last step a run may still be retried without doing everything again."""


def remove_old_results() -> int:
    """Removes results that were written three months ago, from the folder that the worker's environment names; returns how many.

    A run that goes on after that does the steps again that it misses.
    """
    named = os.environ.get(FOLDER)
    if not named:
        return 0
    before, removed = time.time() - KEPT_SECONDS, 0
    for path in Path(named).rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another run sweeps, too
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed
