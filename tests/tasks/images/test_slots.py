"""No more builds at once than `builds_at_once`, of all threads and processes with one Slipway home."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import settled
from tasks.images.slots import build_slot
from tasks.settled import NotNeeded

ROOT = Path(__file__).parents[3]
HOLDING = "from tasks.images.slots import build_slot\nwith build_slot('x', 2):\n    print('in', flush=True); input()\n"


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[str]]:
    """Another process of this worker that builds."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "in\n"
    yield process
    process.kill()
    process.communicate()


def test_threads_and_processes_share_the_slots_and_a_killed_one_frees_its(
    elsewhere: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="tasks")
    entered = threading.Event()

    def third() -> None:
        with build_slot("web", 2):
            entered.set()

    with build_slot("api", 2):
        waiting = threading.Thread(target=third)
        waiting.start()
        assert not entered.wait(0.6)
        assert "web: waits, 2 builds run already (builds_at_once)" in caplog.text
        elsewhere.kill()
        assert entered.wait(5)
        waiting.join()


def test_at_most_so_many_run_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def build() -> None:
        nonlocal running, most
        with build_slot("x", 3):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.1)
            with lock:
                running -= 1

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_one_that_waits_is_not_begun_when_nobody_needs_it(elsewhere: subprocess.Popen[str]) -> None:
    with build_slot("api", 2):
        settled.settle()
        try:
            with pytest.raises(NotNeeded, match="build web: cancelled"), build_slot("web", 2):
                pass
        finally:
            settled.begin_again()
