"""A worker that is asked to stop lets its runs end first, though the server be away; one that hangs is not waited for for ever."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from deployments import drain

# A worker as the process table shows one: a run is a child whose command names Prefect's engine.
WORKER = (
    "import subprocess, sys; "
    "run = subprocess.Popen([sys.executable, '-c', 'input()', 'prefect.engine'], stdin=sys.stdin); "
    "print(run.pid, flush=True); run.wait(); print('the run has ended', flush=True); "
    "import threading; threading.Event().wait()"
)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(drain, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(drain, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(drain, "_pause_pool", lambda: None)  # the real one is tested with a real server
    argv = [sys.executable, "-c", WORKER]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_the_run_ends_before_the_worker(worker: "subprocess.Popen[bytes]") -> None:
    assert drain.runs_of(worker.pid) == 1
    draining = threading.Thread(target=drain._drain, args=(worker,))
    draining.start()
    draining.join(1)
    assert draining.is_alive()
    assert worker.poll() is None
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.close()
    assert worker.stdout.readline() == b"the run has ended\n"
    draining.join(30)
    assert worker.wait(30) < 0


def test_a_run_that_does_not_end_is_not_waited_for_for_ever(
    worker: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_DRAIN_SECONDS", "0.2")
    drain._drain(worker)
    assert worker.wait(30) < 0
    assert worker.stdin is not None
    worker.stdin.close()
