"""Starts a release on the Prefect server and follows it from outside, as the UI would show it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any
from uuid import UUID

from tasks.errors import ConfigInvalid, ReleaseRefused, ServiceUnavailable
from tasks.models import ReleaseRequest
from tasks.run.page import run_url

PAUSE_SECONDS = 1.0
# What Prefect puts before the words of an error.
RAISED = re.compile(r"^Flow run encountered an exception: \w+: ")
# States of Prefect in which nothing happens, and that nobody would see from here.
WAITS = {
    "Late": "  waits for a worker: `prefect worker start --pool slipway` starts one",
    "AwaitingConcurrencySlot": "  waits for the release that is running",
}


@dataclass(frozen=True)
class Run:
    """One flow run, as a person would look for it."""

    id: str
    url: str
    commit: str


@dataclass(frozen=True)
class Ended:
    """A run's last state."""

    name: str
    message: str

    @property
    def well(self) -> bool:
        """Whether the release went to every customer that the plan wanted."""
        return self.name == "Completed"


def start(request: ReleaseRequest, deployment: str) -> Run:
    """Creates a run of the deployment (`FLOW/NAME`). Raises `ServiceUnavailable` when the server or the deployment is not there."""
    with client() as api:
        found = _deployment(api, deployment)
        created = api.create_flow_run_from_deployment(found.id, parameters={"request": request.model_dump(mode="json")})
    return Run(id=str(created.id), url=run_url(created.id), commit=request.commit)


def plan_of(run: str) -> str:
    """The plan on a run's page, newest first. Raises `ReleaseRefused` when the run is not there or has no plan yet."""
    from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
    from prefect.client.schemas.sorting import ArtifactSort

    wanted = FlowRunFilter(id={"any_": [run_id(run)]})
    with client() as api:
        read_run(api, run)
        found = api.read_artifacts(
            artifact_filter=ArtifactFilter(key={"any_": ["plan"]}),
            flow_run_filter=wanted,
            sort=ArtifactSort.UPDATED_DESC,
        )
    if not found:
        raise ReleaseRefused.because(
            f"run {run} has no plan", address(), "wait until it has made one, or look at its page for why it has none"
        )
    return str(found[0].data)


def run_id(run: str) -> UUID:
    """A run's id out of what a person gives: the id, or the address of its page. Raises `ConfigInvalid`."""
    try:
        return UUID(run.rstrip("/").rpartition("/")[2].partition("?")[0])
    except ValueError:
        raise ConfigInvalid.because(
            f"{run!r} is no run", "the run", "give the id that `slipway release` printed, or the address of its page"
        ) from None


def read_run(api: Any, run: str) -> Any:
    """The run as the server has it. Raises `ReleaseRefused` when it is not there."""
    from prefect.exceptions import ObjectNotFound

    try:
        return api.read_flow_run(run_id(run))
    except ObjectNotFound:
        raise ReleaseRefused.because(
            f"there is no run {run}", address(), "give the id that `slipway release` printed"
        ) from None


def until_end(run: Run, tell: Callable[[str], None]) -> Ended:
    """Waits for the run's end, telling each step as it ends, and once each when a person or a worker is waited for."""
    told: set[str] = set()
    with client() as api:
        while True:
            current = api.read_flow_run(run.id)
            for line in _news(api, run.id, told):
                tell(line)
            if current.state and current.state.is_final():
                return Ended(name=current.state.name or "", message=RAISED.sub("", current.state.message or ""))
            if current.state and (waits := _waits(current.state, run)) and waits not in told:
                told.add(waits)
                tell(waits)
            time.sleep(PAUSE_SECONDS)


def _waits(state: Any, run: Run) -> str:
    """What a run that does not move waits for, in words; empty while it moves."""
    if state.is_paused():
        return f"  waits for approval: {run.url} (or `slipway approve {run.id}`)"
    return WAITS.get(state.name or "", "")


def _news(client: Any, run_id: str, told: set[str]) -> list[str]:
    from prefect.client.schemas.filters import FlowRunFilter

    lines = []
    tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run_id]}), limit=200)
    for task in sorted((t for t in tasks if t.end_time), key=lambda t: t.end_time):
        if task.state_name != "Cached" and str(task.id) not in told:
            told.add(str(task.id))
            seconds = task.total_run_time.total_seconds()
            lines.append(f"  {task.state_name.lower():<10} {task.name} ({seconds:.1f} s)")
    return lines


def _deployment(client: Any, name: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound as error:
        raise ServiceUnavailable.because(
            f"the Prefect server has no deployment {name}",
            address(),
            "run `slipway server apply` on the machine that has release.yaml",
        ) from error


def address() -> str:
    """Where the Prefect server is. Raises `ServiceUnavailable` when none is named, `ConfigInvalid` when it is no address."""
    from prefect.settings import get_current_settings
    from pydantic import ValidationError

    try:
        api = get_current_settings().api.url
    except ValidationError as error:
        raise ConfigInvalid.because(
            f"Prefect's settings are wrong: {error.errors()[0]['msg']}", "PREFECT_API_URL and its like", "correct them"
        ) from error
    # Without an address Prefect would start a server of its own, which nobody watches.
    if not api:
        raise ServiceUnavailable.because(
            "no Prefect server is named",
            "PREFECT_API_URL is not set",
            "start one (`prefect server start`) and set PREFECT_API_URL",
        )
    return api


class client:  # noqa: N801 - reads as a function
    """The Prefect client; a server that is not there, or does not answer as one, becomes `ServiceUnavailable`."""

    def __enter__(self) -> Any:
        from prefect import get_client

        self.address = address()
        self.client = get_client(sync_client=True)
        return self.client.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.client.__exit__(kind, error, trace)
        if told := _no_answer(error):
            raise ServiceUnavailable.because(told[0], self.address, told[1]) from error


def _no_answer(error: Any) -> tuple[str, str] | None:
    """What is wrong with the server, and what to do; None for an error that is not the server's."""
    import httpx
    from pydantic import ValidationError

    if isinstance(error, httpx.TransportError | httpx.InvalidURL):
        return (
            f"the Prefect server does not answer: {error}",
            "start it (`prefect server start`), or correct PREFECT_API_URL",
        )
    if isinstance(error, httpx.HTTPStatusError):
        code = error.response.status_code
        mend = "set PREFECT_API_AUTH_STRING to the server's" if code in (401, 403) else "try again; its log says more"
        return f"the Prefect server answered {code}", mend
    if isinstance(error, JSONDecodeError | ValidationError):
        said = str(error).partition("\n")[0]
        return (
            f"what answers is no Prefect server that we understand: {said}",
            "correct PREFECT_API_URL; `slipway doctor` compares versions",
        )
    return None
