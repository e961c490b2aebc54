"""Named places before and after each durable step, where a test can make the process die, fail or wait.

Without `SLIPWAY_FAILPOINT` in the environment a place costs one look at a variable and does nothing. The method is the
one of etcd's robustness tests: what can be killed at every place, and ends right when run again, is safe to kill anywhere.
"""

import os
import signal
import time
from pathlib import Path

from tasks.errors import ServiceUnavailable

VARIABLE = "SLIPWAY_FAILPOINT"


def reach(name: str) -> None:
    """Passes a place. `SLIPWAY_FAILPOINT=NAME=kill|raise|wait[@FOLDER]` acts there; with a folder, once only.

    The folder keeps which places have acted, so that the retried process passes them. `SLIPWAY_FAILPOINT=@FOLDER` notes
    every place that was passed in the file `passed` there and does nothing else.
    """
    if setting := os.environ.get(VARIABLE):
        _act(name, setting)


def _act(name: str, setting: str) -> None:
    wanted, _, folder = setting.partition("@")
    place, _, action = wanted.partition("=")
    if not place:
        with Path(folder, "passed").open("a") as passed:
            passed.write(f"{name}\n")
    elif place == name and _first(name, folder):
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "raise":
            raise ServiceUnavailable.because(f"failpoint {name}", "", "retry this run")
        time.sleep(3600)


def _first(name: str, folder: str) -> bool:
    if not folder:
        return True
    try:
        Path(folder, name.replace(":", "-").replace("/", "-")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
