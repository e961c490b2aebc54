"""Named places before and after each durable step, where a test can make the process die, fail or wait.

Without `SLIPWAY_FAILPOINT` in the environment a place costs one look at a variable and does nothing. The method is the
one of etcd's robustness tests: what can be killed at every place, and ends right when run again, is safe to kill anywhere.
"""

import os
import signal
import time
from pathlib import Path

from tasks.errors import ReleaseRefused, ServiceUnavailable

VARIABLE = "SLIPWAY_FAILPOINT"
# Name -> what has just happened there, in the order of a release. `tests/reliability` kills a release at each of them.
PLACES = {
    "mirror:begun": "an empty mirror is made aside, not in place yet",
    "mirror:made": "an empty mirror of the app or of the GitOps repository is in place",
    "fetch:taken": "git has fetched into a ref of this process's own, which is still there",
    "app:fetched": "the app's branch is in the mirror",
    "gitops:fetched": "the GitOps branch is in the mirror",
    "fleet:read": "every customer's state is known",
    "changes:found": "it is known which components are new",
    "image:looked-up": "the registry has said whether it has the content already",
    "build:before": "the build's context is ready; the docker program is not started yet",
    "image:built": "the image is on the Engine, not in the registry",
    "image:pushed": "the registry has the image, its digest is not noted yet",
    "test-image:ready": "the image that tests run in is on the Engine",
    "network:made": "a private network is there, nothing is in it",
    "container:made": "a container is there, not started",
    "container:started": "a container runs",
    "container:ended": "a container's command has ended",
    "container:removed": "a container is gone, its network is not",
    "network:removed": "a private network is gone again",
    "postgres:ready": "a scratch PostgreSQL answers",
    "suite:begun": "a suite's services answer",
    "suite:ended": "a suite's command has ended, it is not judged yet",
    "suite:recorded": "the registry has the evidence that a suite passed, which is not noted yet",
    "migrations:checked": "the migrations have run on a scratch database and were judged",
    "e2e:started": "the whole app answers, the end-to-end tests have not begun",
    "e2e:ended": "the end-to-end tests have ended, the app is still there",
    "gate:passed": "every check has said yes",
    "release:made": "the release is known, not stored yet",
    "plan:made": "the plan is known, not stored yet",
    "plan:shown": "the plan is on the run's page",
    "blobs:before": "new contents are computed, not in the mirror yet",
    "blobs:after": "new contents are in the mirror",
    "order:checked": "main still has the commit",
    "tree:before": "the ring's index is written",
    "tree:after": "the ring's tree is written",
    "commit:after": "the ring's commit is written, here only",
    "push:before": "the push begins",
    "push:after": "the push has ended; its answer has not been looked at",
    "ring:committed": "the ring is on the GitOps branch, which is not noted yet",
    "customer:verified": "one customer was seen running the release",
    "ring:watched": "every customer of a ring was seen running the release, or its time was over",
    "soak:begun": "the end of the soak is known, not stored yet",
    "soak:ended": "the soak is over, which is not noted yet",
    "rollback:made": "the commit that puts customers back is written, here only",
    "rollback:pushed": "customers are put back on the GitOps branch, which is not noted yet",
    "report:shown": "the report is on the run's page, the run has not ended",
}


def reach(name: str) -> None:
    """Passes a place. `SLIPWAY_FAILPOINT=NAME[+NAME]=kill|raise|refuse|wait[@FOLDER]` acts there; with a folder, once only.

    The folder keeps which places have acted, so that the retried process passes them. `raise` is tried again by the steps
    themselves, `refuse` is not, and acts each time. `SLIPWAY_FAILPOINT=@FOLDER` notes every place that was passed in the file
    `passed` there and does nothing else; `refuse` notes them too.
    """
    if setting := os.environ.get(VARIABLE):
        _act(name, setting)


def _act(name: str, setting: str) -> None:
    wanted, _, folder = setting.partition("@")
    places, _, action = wanted.partition("=")
    if folder and action in ("", "refuse"):
        with Path(folder, "passed").open("a") as passed:
            passed.write(f"{name}\n")
    if name in places.split("+") and (action == "refuse" or _first(name, folder)):
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "raise":
            raise ServiceUnavailable.because(f"failpoint {name}", "", "retry this run")
        if action == "refuse":
            raise ReleaseRefused.because(f"failpoint {name}", "", "retry this run")
        time.sleep(3600)


def _first(name: str, folder: str) -> bool:
    if not folder:
        return True
    try:
        Path(folder, name.replace(":", "-").replace("/", "-")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
