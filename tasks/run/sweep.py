"""What a run begins and ends with on its machine: old files and what killed runs left on the Engine are removed."""

import logging
import time
from functools import partial
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter

from tasks import containers, git, output
from tasks.config.model import Config
from tasks.containers.engine import quietly
from tasks.home import home
from tasks.images import tidy
from tasks.run.stored import remove_old_results
from tasks.suites import kept

log = logging.getLogger(__name__)


def sweep(config: Config) -> None:
    """Removes old output, files of tests, results of steps, and what killed processes left: earlier attempts of this run,
    and runs that have ended on this server. What cannot be removed is logged and stays, also where no Engine answers: the steps that need one say so.
    """
    for tidied in (git.tidy, partial(kept.remove_old, config.artifacts.keep), remove_old_results, _remove_old_output):
        try:
            tidied()
        except (git.GitFailed, OSError) as error:
            log.warning("left behind: %s", error)
    containers.remove_leftovers(containers.run_id())
    runs: set[str] = set()
    quietly(lambda: runs.update(containers.labelled_runs()))
    ids = [run for run in runs if _is_id(run)]
    if not ids:
        return
    with get_client(sync_client=True) as client:
        known = client.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": ids}))
    for run in known:
        if run.state and run.state.is_final():
            containers.remove_leftovers(str(run.id))


def remove_unused_images(config: Config) -> None:
    """Removes images that no release has used for two weeks from this Engine: at night, when hardly any release begins from them."""
    quietly(partial(tidy.remove_unused, config))


def _remove_old_output() -> None:
    for folder in (home() / "logs", kept.runs()):
        output.tidy(folder, time.time())


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def clean_up(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook for cancelled and crashed runs (Prefect calls it by these names): removes what they left on the Engine.

    It comes seconds later and in a process of its own: a run that goes on again by then has swept for itself.
    """
    with get_client(sync_client=True) as client:
        now = client.read_flow_run(flow_run.id).state
    if now is None or now.is_final() or now.type.value == "CANCELLING":
        containers.remove_leftovers(str(flow_run.id))
