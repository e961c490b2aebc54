"""What `deployments/restore` asks of the compose file, in which order, and what it says where that fails.

All of it on a real Engine is in test_production.py; here `up` notes what it is asked for, and fails when it is told to.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
UP = """#!/bin/sh
printf '%s\\0' "$*" >> "$ASKED"
case "$*" in *"$FAILS"*) exit 1 ;; esac
"""


def restore(folder: Path, fails: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Restores a backup by a copy of the script beside an `up` of the test's own; how it ended, and what was asked for."""
    for name in ("database.dump", "results.tar.gz"):
        (folder / name).write_text("a backup")
    shutil.copy(ROOT / "deployments/restore", folder)
    (folder / "up").write_text(UP)
    (folder / "up").chmod(0o755)
    env = {**os.environ, "ASKED": str(folder / "asked"), "FAILS": fails}
    argv = [str(folder / "restore"), str(folder)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    return done, (folder / "asked").read_text().split("\0")[:-1]


def test_both_databases_are_renamed_at_once(tmp_path: Path) -> None:
    done, asked = restore(tmp_path, "nothing of this")
    assert (done.returncode, asked[0], asked[-1]) == (0, "--check", ""), done.stderr
    (renaming,) = [a for a in asked if "RENAME TO" in a]
    assert renaming.count("RENAME TO") == 2
    assert renaming.count("psql") == renaming.count("--single-transaction") == 1


def test_who_is_left_in_the_middle_is_told_how_to_go_on(tmp_path: Path) -> None:
    done, asked = restore(tmp_path, "pg_restore")
    assert done.returncode != 0
    assert not any("RENAME" in a for a in asked)
    assert "next:  mend what stands above" in done.stderr and "deployments/up starts everything" in done.stderr
