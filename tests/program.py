"""The command line in a process of its own, as a person starts it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def slipway(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end, 100 columns wide unless COLUMNS says otherwise."""
    return subprocess.run(
        [sys.executable, "-m", "deployments", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT), **env},
    )
