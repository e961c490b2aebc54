"""`python -m tests.reliability.attempts`: runs attempts of releases, each in a process of its own that can be killed.

Orders come as JSON lines on standard input; each is answered by the attempt's exit code (-9 when it was killed) and its
process group. Prefect and the flow are imported once and each attempt is forked from there: Python's start would be most
of a case's time. What a worker does around the flow is left out; what it does after a kill is the test's to choose.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 300


class Attempt(NamedTuple):
    """How an attempt ended: exit code, -9 when it was killed; the process group that its children are in."""

    code: int
    group: int


class Attempts:
    """A process that runs one attempt after the other."""

    def __init__(self, env: Mapping[str, str]) -> None:
        argv = [sys.executable, "-m", "tests.reliability.attempts"]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(env), cwd=ROOT
        )

    def run(
        self, run: str, log: Path, env: Mapping[str, str], seconds: float = LIMIT_SECONDS, group: bool = False
    ) -> Attempt:
        """Runs one attempt to its end, or kills it after `seconds`; `group`: its children with it, however it is killed."""
        order = {"run": run, "log": str(log), "env": dict(env), "seconds": seconds, "group": group}
        assert self._process.stdin and self._process.stdout
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return Attempt(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Ends the process; no attempt is running."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)


def main() -> None:
    """Answers orders until there are no more."""
    import flows.release  # noqa: F401 - before the fork

    for line in sys.stdin:
        order = json.loads(line)
        if not (child := os.fork()):
            _attempt(order)
            return
        # The group is made here too, so that it is there whichever process comes first.
        os.setpgid(child, child)
        timer = threading.Timer(order["seconds"], os.kill, (child, signal.SIGKILL))
        timer.start()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        timer.cancel()
        timer.join()  # a process is forked from one thread only
        if order["group"] and code < 0:
            _kill_group(child)
        print(json.dumps({"code": code, "group": child}), flush=True)


def _kill_group(group: int) -> None:
    """The end of a machine or a container: git and docker die with the flow."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _attempt(order: dict[str, Any]) -> None:
    from prefect import get_client
    from prefect.flow_engine import run_flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.release import release

    os.setpgid(0, 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order["env"])
    # Heartbeats would make each flow wait for a second at its end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), get_client(sync_client=True) as client:
        run = client.read_flow_run(order["run"])
        run_flow(release, flow_run=run, parameters=run.parameters, return_type="state")


if __name__ == "__main__":
    main()
