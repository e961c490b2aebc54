"""Asks the Prefect server for releases. Prefect's client knows address, credentials and CSRF; it is imported when first used."""

import asyncio
import importlib
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from deployments.hooks.apps import COMMIT
from tasks.config.model import Config
from tasks.errors import ServiceUnavailable

log = logging.getLogger(__name__)
SECONDS = 30
"""For one question, with the client's own retries."""


async def prepare() -> None:
    """Makes the first question as quick as the others. Raises `ServiceUnavailable` when no server is named."""
    with _unavailable():
        await asyncio.to_thread(_import)


async def ask(deployment: str, commit: str, key: str) -> str:
    """Creates a run for a commit and returns its id; the run that is there when the key was used before.

    Raises `ServiceUnavailable` whenever it is not certain that the server has the run.
    """
    async with _client() as client:
        found = await client.read_deployment_by_name(deployment)
        run = await client.create_flow_run_from_deployment(
            found.id, parameters={"request": {"commit": commit}}, idempotency_key=key
        )
    return str(run.id)


async def end_overtaken(config: Config, deployment: str) -> None:
    """Ends the runs in the queue that a newer one makes needless. What fails is left to the first run that begins."""
    try:
        await asyncio.to_thread(_end_overtaken, config, deployment)
    except Exception as error:  # noqa: BLE001 - saves processes, decides nothing
        log.info("%s: the queue stays as it is: %s", config.app.name, error)


def _end_overtaken(config: Config, deployment: str) -> None:
    from prefect import get_client

    from tasks.run.supersede import supersede_queued

    with get_client(sync_client=True) as client:
        ended = supersede_queued(client, config, client.read_deployment_by_name(deployment).id)
    if ended:
        log.info("%s: overtaken in the queue: %s", config.app.name, ", ".join(commit[:7] for commit in ended))


async def newest(deployment: str) -> str | None:
    """The commit that the newest run was asked for, by whomever; None before the first. Raises `ServiceUnavailable`."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    async with _client() as client:
        found = await client.read_deployment_by_name(deployment)
        runs = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=20,
        )
    return next(filter(None, map(_commit, runs)), None)


def _commit(run: Any) -> str | None:
    """The commit in a run's parameters; None when a person wrote something else there."""
    request = run.parameters.get("request")
    commit = request.get("commit") if isinstance(request, dict) else None
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else None


@asynccontextmanager
async def _client() -> AsyncIterator[Any]:
    with _unavailable():
        await asyncio.to_thread(_import)
        from prefect import get_client

        async with asyncio.timeout(SECONDS), get_client() as client:
            yield client


@contextmanager
def _unavailable() -> Iterator[None]:
    """Whatever keeps the server from taking a run is a reason to ask again: the delivery was promised to its sender."""
    try:
        yield
    except ServiceUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - proxies answer in their own words; nothing here may end the receiver
        what = f"Prefect took no run: {type(error).__name__}: {error}"
        raise ServiceUnavailable.because(what, _address(), "see whether it runs and has the deployment") from error


def _import() -> None:
    """In a thread: it takes a second or two, in which deliveries are answered."""
    importlib.import_module("prefect.client.orchestration")
    from prefect.settings import get_current_settings

    # Without an address Prefect would start a server of its own, which nobody watches.
    if not get_current_settings().api.url:
        raise ServiceUnavailable.because(
            "no Prefect server is named",
            "PREFECT_API_URL is not set",
            "set PREFECT_API_URL and start the receiver again",
        )


def _address() -> str:
    return os.environ.get("PREFECT_API_URL", "PREFECT_API_URL")
