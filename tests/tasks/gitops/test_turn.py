"""Turns are a courtesy among the writers of one machine: they come one after the other, and nothing ever waits for ever."""

import multiprocessing
import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tasks.gitops import turn as turns
from tasks.gitops.turn import turn

REPOSITORY = "https://git.example.no/shop/gitops.git"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own is a machine of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def take(told: Connection) -> None:
    """Another process that has its turn until it is killed."""
    with turn(REPOSITORY):
        told.send("taken")
        signal.pause()


def taken_elsewhere() -> multiprocessing.Process:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=take, args=(there,))
    process.start()
    assert here.recv() == "taken"
    return process


def test_a_turn_of_a_process_that_dies_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    other, waited = taken_elsewhere(), []

    def die(_: float) -> None:
        waited.append(other.pid)
        os.kill(other.pid or 0, signal.SIGKILL)
        other.join()

    monkeypatch.setattr(turns.time, "sleep", die)
    with turn(REPOSITORY):
        assert waited == [other.pid]


def test_a_turn_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0)
    other = taken_elsewhere()
    with turn(REPOSITORY):
        assert other.is_alive()
    other.kill()
    other.join()


def test_another_repository_has_turns_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns.time, "sleep", lambda _: pytest.fail("waits"))
    with turn(REPOSITORY), turn("https://git.example.no/other/gitops.git"):
        pass


def test_a_folder_that_somebody_else_made_is_not_used(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (machine / f"slipway-turns-{os.getuid()}").symlink_to(elsewhere)
    with turn(REPOSITORY):
        assert list(elsewhere.iterdir()) == []
