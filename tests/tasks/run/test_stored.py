"""Stored results of old runs are removed where the folder is Slipway's own, and nowhere else."""

import os
import time
from pathlib import Path

import pytest

from tasks.run.stored import FOLDER, KEPT_SECONDS, remove_old_results


@pytest.fixture
def results(tmp_path: Path) -> list[Path]:
    """One of long ago and one of now."""
    made = [tmp_path / "results" / name for name in ("old", "new")]
    made[0].parent.mkdir()
    for path in made:
        path.write_text("{}")
    os.utime(made[0], (time.time() - KEPT_SECONDS - 60,) * 2)
    return made


def test_old_results_are_removed_and_others_stay(results: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(results[0].parent))
    assert remove_old_results() == 1
    assert [path.exists() for path in results] == [False, True]
    assert remove_old_results() == 0


def test_a_folder_that_nobody_named_is_left_alone(results: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert remove_old_results() == 0
    assert all(path.exists() for path in results)
