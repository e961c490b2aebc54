"""Starts a release on the Prefect server and follows it from outside, as the UI would show it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tasks.errors import ConfigInvalid, ReleaseRefused, ServiceUnavailable
from tasks.models import ReleaseRequest

DEPLOYMENT = "release/release"
PAUSE_SECONDS = 1.0
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


def start(request: ReleaseRequest) -> Run:
    """Creates a run of the deployment. Raises `ServiceUnavailable` when the server or the deployment is not there."""
    with _client() as client:
        deployment = _deployment(client)
        created = client.create_flow_run_from_deployment(
            deployment.id, parameters={"request": request.model_dump(mode="json")}
        )
    return Run(id=str(created.id), url=_url(created.id), commit=request.commit)


def plan_of(run: str) -> str:
    """The plan on a run's page, newest first. Raises `ReleaseRefused` when the run is not there or has no plan yet."""
    from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
    from prefect.client.schemas.sorting import ArtifactSort

    try:
        wanted = FlowRunFilter(id={"any_": [UUID(run)]})
    except ValueError:
        raise ConfigInvalid.because(
            f"{run!r} is no run", "--run", "give the id that `slipway release` printed"
        ) from None
    with _client() as client:
        _require_run(client, run)
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key={"any_": ["plan"]}),
            flow_run_filter=wanted,
            sort=ArtifactSort.UPDATED_DESC,
        )
    if not found:
        raise ReleaseRefused.because(
            f"run {run} has no plan", _api(), "wait until it has made one, or look at its page for why it has none"
        )
    return str(found[0].data)


def _require_run(client: Any, run: str) -> None:
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_flow_run(UUID(run))
    except ObjectNotFound:
        raise ReleaseRefused.because(
            f"there is no run {run}", _api(), "give the id that `slipway release` printed"
        ) from None


def until_end(run: Run, tell: Callable[[str], None]) -> Ended:
    """Waits for the run's end, telling each step as it ends, and once each when a person or a worker is waited for."""
    told: set[str] = set()
    with _client() as client:
        while True:
            current = client.read_flow_run(run.id)
            for line in _news(client, run.id, told):
                tell(line)
            if current.state and current.state.is_final():
                return Ended(name=current.state.name or "", message=current.state.message or "")
            if current.state and (waits := _waits(current.state, run)) and waits not in told:
                told.add(waits)
                tell(waits)
            time.sleep(PAUSE_SECONDS)


def _waits(state: Any, run: Run) -> str:
    """What a run that does not move waits for, in words; empty while it moves."""
    if state.is_paused():
        return f"  waits for approval: {run.url}"
    return WAITS.get(state.name or "", "")


def _news(client: Any, run_id: str, told: set[str]) -> list[str]:
    from prefect.client.schemas.filters import FlowRunFilter

    lines = []
    for task in client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run_id]}), limit=200):
        if task.end_time and task.state_name != "Cached" and str(task.id) not in told:
            told.add(str(task.id))
            seconds = task.total_run_time.total_seconds()
            lines.append(f"  {task.state_name.lower():<10} {task.name} ({seconds:.1f} s)")
    return lines


def _deployment(client: Any) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise ServiceUnavailable.because(
            f"the Prefect server has no deployment {DEPLOYMENT}",
            _api(),
            "run `prefect deploy --all` in the project's folder",
        ) from error


def _api() -> str:
    from prefect.settings import get_current_settings

    # Without an address Prefect would start a server of its own, which nobody watches.
    if not (api := get_current_settings().api.url):
        raise ServiceUnavailable.because(
            "no Prefect server is named",
            "PREFECT_API_URL is not set",
            "start one (`prefect server start`) and set PREFECT_API_URL",
        )
    return api


def _url(run_id: Any) -> str:
    return f"{_api().removesuffix('/api')}/runs/flow-run/{run_id}"


class _client:  # noqa: N801 - reads as a function
    """The Prefect client; a server that is not there becomes `ServiceUnavailable` with its address."""

    def __enter__(self) -> Any:
        from prefect import get_client

        self.address = _api()
        self.client = get_client(sync_client=True)
        return self.client.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        import httpx

        self.client.__exit__(kind, error, trace)
        if isinstance(error, httpx.TransportError):
            raise ServiceUnavailable.because(
                f"the Prefect server does not answer: {error}",
                self.address,
                "start it (`prefect server start`), or correct PREFECT_API_URL",
            ) from error
