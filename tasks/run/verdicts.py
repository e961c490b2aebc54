"""Waits for the checks of a gate, and cancels those whose result can change its verdict no more."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from functools import wraps
from typing import Any, Literal

from prefect.exceptions import UnfinishedRun
from prefect.futures import PrefectConcurrentFuture
from prefect.runtime import task_run as this_task

from tasks import containers, settled
from tasks.suites import host

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0


def as_long_as_needed(check: Callable[..., Any]) -> Callable[..., Any]:
    """The same check; one that is cancelled ends with `NotNeeded`, however what was taken from under it showed itself.

    A result counts no more either: it may be of containers that were taken away, and results are kept for the next attempt.
    """

    @wraps(check)
    def needed(*arguments: Any, **named: Any) -> Any:
        name = this_task.name or check.__name__
        settled.require_needed(name)
        try:
            result = check(*arguments, **named)
        except Exception as error:
            if settled.is_settled():
                raise settled.not_needed(name) from error
            raise
        settled.require_needed(name)
        return result

    return needed


def verdicts(
    checks: Sequence[PrefectConcurrentFuture[Any]], fail: Literal["all", "fast"], refuses: Callable[[Any], bool]
) -> list[Any]:
    """What each check came to, its error if it has one, in their order.

    `fail`: `all` lets every check end that may still give a reason; once the release is refused, images that are built and
    only have to be pushed are nothing that anybody waits for. `fast` cancels everything at the first refusal. What is cancelled is
    ended here: its programs, its containers; the rest of it ends by itself before this returns.
    """
    found: dict[PrefectConcurrentFuture[Any], Any] = {}
    try:
        while pending := [c for c in dict.fromkeys(checks) if c not in found]:
            wait([c.wrapped_future for c in pending], LOOK_SECONDS, FIRST_COMPLETED)
            found |= {c: _verdict(c) for c in pending if c.wrapped_future.done()}
            left = len(dict.fromkeys(checks)) - len(found)
            refused = any(refuses(verdict) for verdict in found.values())
            if refused and left and (fail == "fast" or left == settled.pushes()):
                _cancel(left)
        return [found[check] for check in checks]
    finally:
        settled.begin_again()


def _cancel(left: int) -> None:
    """Again and again until all have ended: one may have been about to begin."""
    if not settled.is_settled():
        log.info("the release is refused: %d checks whose result is not needed are cancelled", left)
    settled.settle()  # commands on the host end by that
    containers.remove_leftovers(containers.run_id())


def end_checks() -> None:
    """The run was cancelled: takes away what its checks stand on, containers and commands on the host. They end by themselves then.

    What waits for another release, or for its turn to build, begins no more: this process does nothing else from now on.
    """
    settled.settle()
    host.cancel()
    containers.remove_leftovers(containers.run_id())


def _verdict(check: PrefectConcurrentFuture[Any]) -> Any:
    try:
        return check.result(raise_on_failure=False)
    except UnfinishedRun as error:  # it was never begun, because a step whose result it needs failed
        return error
