"""The released commit's status on its forge: newest first, aside, and only by the run that was last at work on the commit."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort

from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.forge.aside import Newest
from tasks.forge.status import set_status
from tasks.models import ReleaseRequest, StatusState
from tasks.notify.wording import status_line
from tasks.run.page import run_url
from tasks.secrets.masking import mask

log = logging.getLogger(__name__)
NEWEST = Newest()
Line = Callable[[Sequence[Any]], str]
"""What is said, by the states that the run has had so far."""


def tell(config: Config | None, run: UUID, request: ReleaseRequest, state: StatusState, line: Line) -> None:
    """Sets the status aside and returns at once; without a configuration it is read there.

    Where another run of the same commit began or went on later, that one's verdict stays.
    """

    def work() -> None:
        settings = config or load_config()
        if not settings.app.forge:
            return
        with get_client(sync_client=True) as client:
            states = client.read_flow_run_states(run)
            if _another_is_later(client, run, request.commit, states):
                log.info("another run of %s tells its status", request.commit[:7])
                return
        text = mask(status_line(line(states), request.overrides))
        context = f"slipway/{settings.deployment.partition('/')[2]}"  # two apps may share a repository
        set_status(settings.app.forge, request.commit, context, state, text, run_url(run, settings))

    if config is None or config.app.forge:
        NEWEST.hand(work)


def settle(seconds: float) -> None:
    """Waits until every status is told, so long at most."""
    NEWEST.settle(seconds)


def _another_is_later(client: Any, run: UUID, commit: str, states: Sequence[Any]) -> bool:
    wanted = FlowRunFilter.model_validate({"name": {"any_": [f"release {commit[:7]}"]}, "id": {"not_any_": [run]}})
    deployment = client.read_flow_run(run).deployment_id
    others = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=20)
    begun = [o for o in others if o.deployment_id == deployment and o.start_time]
    same = [o for o in begun if (o.parameters.get("request") or {}).get("commit") == commit]
    own = _last_at_work(states)
    theirs = [_last_at_work(client.read_flow_run_states(o.id)) for o in same]
    return any(other is not None and (own is None or other > own) for other in theirs)


def _last_at_work(states: Iterable[Any]) -> datetime | None:
    return max((s.timestamp for s in states if s.is_running()), default=None)
