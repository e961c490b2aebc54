"""Newest wins: a newer commit of main replaces what waits or sleeps, and both runs say so.

Newer is what main's first-parent line says, never time. The line is read after the runs: a commit is pushed before its run
is made, so nobody is taken for gone who has only just come.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import deployment as this_deployment
from prefect.runtime import flow_run as this_run
from prefect.states import Cancelled
from pydantic import ValidationError

from tasks.config.model import Config
from tasks.errors import SlipwayError, Superseded
from tasks.git import Mirror
from tasks.models import Newer, Reason, ReleaseRequest
from tasks.reports import release as reports
from tasks.run import feedback
from tasks.run.page import run_url
from tasks.secrets.masking import mask

log = logging.getLogger(__name__)
STATE = "Superseded"
LIVE = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED")
WAITING = ("SCHEDULED", "PAUSED")
PAGE = 200
# A run that a person has put down for later waits for its time, not for us. Prefect itself puts waiting runs off by seconds.
LATER = timedelta(minutes=2)
NEXT_STEP = "nothing, if {commit} is released; if it is refused, retry this run: what is done stays done"


class Overtaken(Superseded):
    """A newer release waits for this one, which sleeps; `newer` says which."""

    def __init__(self, newer: Newer) -> None:
        super().__init__(
            Reason(
                what=f"superseded by release {newer.commit[:7]}",
                where=newer.url,
                next_step=NEXT_STEP.replace("{commit}", newer.commit[:7]),
            )
        )
        self.newer = newer


class Line:
    """The app's main as its remote has it now: the commits that it has been at, newest first."""

    def __init__(self, config: Config) -> None:
        """Asks the remote. Raises `ServiceUnavailable`."""
        mirror = Mirror.open(config.app.repository)
        commits = mirror.run("rev-list", "--first-parent", mirror.tip(config.app.branch)).split()
        self._age = {commit: age for age, commit in enumerate(commits)}

    def replaces(self, newer: str, older: str) -> bool:
        """Whether main has `newer`, and came to it after `older` or has `older` no longer."""
        return newer in self._age and (older not in self._age or self._age[newer] < self._age[older])

    def newest(self, runs: Iterable["Asked"]) -> "Asked | None":
        """The run whose commit main came to last; None when main has none of them."""
        known = [r for r in runs if r.request.commit in self._age]
        return min(known, key=lambda r: self._age[r.request.commit], default=None)


class Asked:
    """A run of the release deployment that has not ended, and what it was asked for."""

    def __init__(self, run: Any, request: ReleaseRequest) -> None:
        self.run, self.request = run, request
        self.id, self.state = UUID(str(run.id)), run.state.type.value

    @property
    def newer(self) -> Newer:
        """What others say of it."""
        return Newer(commit=self.request.commit, run=str(self.id), url=run_url(self.id))

    @property
    def gives_way(self) -> bool:
        """Whether a newer one may end it unasked: not when a person has passed a gate for it by name."""
        return not self.request.overrides


def supersede(config: Config, request: ReleaseRequest) -> Newer | None:
    """Ends what is older and waits or sleeps. Answers what this run itself has to give way to, if there is such a release.

    Only runs of the same deployment count. A run that begins again also gives way to what was released meanwhile.
    Raises `ServiceUnavailable` when the app's repository does not answer.
    """
    if not this_deployment.id:
        return None
    me = UUID(str(this_run.id))
    with get_client(sync_client=True) as client:
        runs = _live(client, UUID(str(this_deployment.id)))
        if (this_run.run_count or 1) > 1:
            runs += _done_since(client, client.read_flow_run(me))
        if not _others(request, runs) or not (newest := (line := Line(config)).newest(runs)):
            return None
        older = [r for r in runs if r.gives_way and line.replaces(newest.request.commit, r.request.commit)]
        ended = [r for r in older if r.id != me and r.state in WAITING and _end(client, r, newest.newer)]
        tell_newer(client, newest.id, ended)
    return newest.newer if any(r.id == me for r in older) else None


def supersede_queued(client: Any, config: Config, deployment_id: UUID) -> list[str]:
    """Ends the runs in the queue that are not the newest; their commits. For whoever has just made a run: receiver and poll.

    `client` is Prefect's synchronous one. Runs that have begun are left alone: what sleeps is ended by the newer run when it
    begins. So a burst of pushes starts no process for each of them. Raises `ServiceUnavailable` when the app's repository
    does not answer, and what `client` raises; nothing is lost then, as the first run that begins does the same.
    """
    queued = [r for r in _live(client, deployment_id) if r.state == "SCHEDULED" and not r.run.run_count]
    if len({r.request.commit for r in queued}) < 2:
        return []
    line = Line(config)
    newest = line.newest(queued)
    if newest is None:
        return []
    older = [r for r in queued if r.gives_way and line.replaces(newest.request.commit, r.request.commit)]
    ended = [r for r in older if _end(client, r, newest.newer)]
    tell_newer(client, newest.id, ended)
    return [r.request.commit for r in ended]


def newer_waiting(config: Config, request: ReleaseRequest) -> Newer | None:
    """The newest release that waits for this one, if there is any. None too when nobody can tell at this moment."""
    if not this_deployment.id:
        return None
    try:
        with get_client(sync_client=True) as client:
            runs = _live(client, UUID(str(this_deployment.id)))
        if not (others := _others(request, runs)) or not (newest := (line := Line(config)).newest(others)):
            return None
        return newest.newer if line.replaces(newest.request.commit, request.commit) else None
    except (SlipwayError, httpx.HTTPError, PrefectHTTPStatusError) as error:
        log.info("whether a newer release waits cannot be seen: %s", str(error).partition(" for url")[0])
        return None


def give_way(config: Config, request: ReleaseRequest) -> None:
    """Raises `Overtaken` when a newer release waits: for a run that is about to sleep, or sleeps."""
    if newer := newer_waiting(config, request):
        log.info("superseded by release %s", newer.commit[:7])
        raise Overtaken(newer)


def superseded(newer: Newer) -> Any:
    """The last state of a run that a newer one replaced."""
    return Cancelled(name=STATE, message=f"by release {newer.commit[:7]} ({newer.url})")


def tell_older(client: Any, run: UUID, commit: str, newer: Newer) -> None:
    """Puts on the older run's page what became of each customer, as far as that run had got."""
    rows = [_overtaken(row, newer) for row in _customers(client, run)]
    if rows:
        _artifact(client, run, "table", "customers", json.dumps(rows), "every customer's outcome")
    text = reports.superseded(commit, newer, rows, NEXT_STEP.replace("{commit}", newer.commit[:7]))
    _artifact(client, run, "markdown", "release", text, f"superseded by release {newer.commit[:7]}")


def tell_newer(client: Any, newer: UUID, older: Sequence[Asked]) -> None:
    """Names on the newer run's page what it replaced."""
    if older:
        rows = [(r.request.commit, run_url(r.id), r.run.state.name or "") for r in older]
        _artifact(client, newer, "markdown", "superseded", reports.replaced(rows), "what it replaced")


def overtaken(request: ReleaseRequest, newer: Newer) -> Any:
    """The last state of this run, which gave way; says so on the newer run's page."""
    with get_client(sync_client=True) as client:
        run, state = client.read_flow_run(UUID(str(this_run.id))), superseded(newer)
        tell_newer(client, UUID(newer.run), [Asked(run, request)])
    feedback.ended(None, run, state)  # Prefect calls no hook for a state that the flow returns
    return state


def replaced(request: ReleaseRequest, newer: Newer) -> Any:
    """The last state of this run, which gives way at its beginning; says so on both runs' pages."""
    with get_client(sync_client=True) as client:
        tell_older(client, UUID(str(this_run.id)), request.commit, newer)
    return overtaken(request, newer)


def _others(request: ReleaseRequest, runs: Sequence[Asked]) -> list[Asked]:
    """The runs of other commits: without any the remote is not asked for nothing."""
    return [r for r in runs if r.request.commit != request.commit]


def _live(client: Any, deployment_id: UUID) -> list[Asked]:
    """The deployment's runs that have not ended and are due."""
    return [r for r in _read(client, deployment_id, {"state": {"type": {"any_": list(LIVE)}}}) if not _later(r.run)]


def _done_since(client: Any, run: Any) -> list[Asked]:
    """The releases that ended well and began after this run first did."""
    done = {"state": {"type": {"any_": ["COMPLETED"]}}, "start_time": {"after_": run.start_time}}
    return _read(client, run.deployment_id, done)


def _read(client: Any, deployment_id: UUID, which: dict[str, Any]) -> list[Asked]:
    """Runs of a deployment; those whose parameters are no request are left out, they end by themselves."""
    wanted = FlowRunFilter.model_validate({"deployment_id": {"any_": [deployment_id]}, **which})
    found: dict[UUID, Any] = {}
    while page := client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=len(found)):
        before = len(found)
        found |= {run.id: run for run in page}
        if len(found) == before or len(page) < PAGE:  # runs that end meanwhile shift the pages
            break
    asked = [(run, _request(run)) for run in found.values()]
    return [Asked(run, request) for run, request in asked if request]


def _later(run: Any) -> bool:
    due = run.state.state_details.scheduled_time
    return run.state.name == "Scheduled" and due is not None and due > datetime.now(UTC) + LATER


def _request(run: Any) -> ReleaseRequest | None:
    try:
        return ReleaseRequest.model_validate(run.parameters.get("request"))
    except ValidationError:
        return None


def _end(client: Any, older: Asked, newer: Newer) -> bool:
    """Ends one older run, unless it has ended or begun by itself since it was seen."""
    now = client.read_flow_run(older.id)
    if now.state.type.value not in WAITING:
        return False
    answer = client.set_flow_run_state(older.id, superseded(newer))
    if answer.status.value != "ACCEPT":
        return False
    log.info("release %s is superseded by %s", older.request.commit[:7], newer.commit[:7])
    if now.run_count:
        tell_older(client, older.id, older.request.commit, newer)
        feedback.ended(None, now, superseded(newer))
    return True


def _customers(client: Any, run: UUID) -> list[dict[str, Any]]:
    """The newest table of customers on a run's page; nothing when it had not come so far."""
    found = client.read_artifacts(
        artifact_filter=ArtifactFilter(key={"any_": ["customers"]}),
        flow_run_filter=FlowRunFilter(id={"any_": [run]}),
        sort=ArtifactSort.UPDATED_DESC,
        limit=1,
    )
    data = found[0].data if found else []
    return list(json.loads(data) if isinstance(data, str) else data)


def _overtaken(row: dict[str, Any], newer: Newer) -> dict[str, Any]:
    if row.get("outcome") != reports.NOT_BEGUN:
        return row
    because = f"not begun: superseded by release {newer.commit[:7]}"
    next_step = NEXT_STEP.replace("{commit}", newer.commit[:7])
    return {**row, "outcome": "superseded", "because": because, "next": next_step}


def _artifact(client: Any, run: UUID, kind: str, key: str, data: str, description: str) -> None:
    client.create_artifact(
        ArtifactCreate(type=kind, key=key, data=mask(data), description=description, flow_run_id=run)
    )
