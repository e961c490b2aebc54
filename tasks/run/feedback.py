"""Tells the forge and people how this run goes: the commit's status as it moves, messages when somebody is needed or it ends.

Nothing here can fail a release or hold it up for long: statuses are told aside, messages are given 20 seconds, and what goes
wrong is a line in the log and in the run's artifact `notifications`.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run as this_run

from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.errors import ConfigInvalid, SlipwayError
from tasks.git import Mirror
from tasks.models import NightlyReport, Outcome, Release, ReleaseReport, ReleaseRequest, RingPlan
from tasks.notify import wording
from tasks.notify.message import Message
from tasks.notify.send import send_all
from tasks.output import printable
from tasks.run import commit_status
from tasks.run.approval_link import link
from tasks.run.page import run_url
from tasks.run.watchdog import ATTEMPTS
from tasks.secrets.masking import mask

log = logging.getLogger(__name__)
KEY, NIGHT = "notifications", "night"
SETTLE_SECONDS = 15.0
BEFORE_SLEEP_SECONDS = 5.0
LOOKED_BACK = timedelta(hours=1)
LEFT_TO_ITSELF = timedelta(minutes=2)
ENDS = {
    "COMPLETED": "done",
    "FAILED": "failed",
    "CRASHED": "crashed",
    "CANCELLING": "cancelled",
    "CANCELLED": "cancelled",
}
QUIET = "Superseded"
"""State of a run that ended because another one goes on in its place: the status says so, nobody is called."""


def begun(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook for the start, and for each time that a run goes on after a wait or with Retry."""
    if request := _request(flow_run):
        slept = lambda states: any(s.is_paused() for s in states)  # noqa: E731
        commit_status.tell(None, flow_run.id, request, "pending", lambda s: "going on" if slept(s) else "testing")


def ring_seen(config: Config, request: ReleaseRequest, ring: str, outcomes: Sequence[Outcome]) -> None:
    """A ring has moved, well or not."""
    if config.app.forge and any(o.ring == ring for o in outcomes):
        commit_status.tell(config, _this(), request, "pending", lambda _: wording.ring_seen(ring, outcomes))


def approval_wanted(config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, attempt: int) -> None:
    """A person is to be asked; `attempt` is the run's, each asks anew. Takes 25 seconds at most, fails never."""
    run = _this()
    commit_status.tell(config, run, request, "pending", lambda _: wording.waiting(ring))
    _guarded(lambda: _ask(config, request, release, ring, attempt, run))
    commit_status.settle(BEFORE_SLEEP_SECONDS)  # the process ends while the run sleeps


def ended(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook for every end of a release or a nightly run: done, failed, crashed, cancelled (Prefect calls it by these names)."""
    _guarded(lambda: _end(load_config(), flow_run, state))
    commit_status.settle(SETTLE_SECONDS)


def tell_silent_ends(config: Config, deployment: str) -> list[UUID]:
    """Tells of runs that ended without a process that could: with the machine, or while they slept. Returns which.

    For whoever looks at Prefect each minute; `deployment` is that of an app's releases or of its nights, as Prefect names it. A
    run that ended in the last two minutes is left to its own hook. Raises Prefect's `ObjectNotFound` without the deployment.
    """
    now = datetime.now(UTC)
    wanted = FlowRunFilter.model_validate(
        {
            "state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}},
            "end_time": {"after_": now - LOOKED_BACK, "before_": now - LEFT_TO_ITSELF},
        }
    )
    with get_client(sync_client=True) as client:
        wanted.deployment_id = FlowRunFilterDeploymentId(any_=[client.read_deployment_by_name(deployment).id])
        runs = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.END_TIME_DESC, limit=100)
        silent = [run for run in runs if not _is_told(run)]
    for run in silent:
        _guarded(lambda run=run: _end(config, run, run.state))
        commit_status.settle(SETTLE_SECONDS)  # of several only the newest would be told: they are of different commits
    return [run.id for run in silent]


def nightly(config: Config, report: NightlyReport) -> None:
    """How the night went, for those who want to know."""
    run = _this()
    facts = [f"{a.question}: {a.said}" for a in report.answers]
    next_step = "" if report.green else next((r.next_step for r in report.reasons if r.next_step), "see the run's page")
    message = wording.night(config.app.name, report.green, facts, next_step, run_url(run, config))
    _guarded(lambda: _send(config, message, run, NIGHT))


def _ask(config: Config, request: ReleaseRequest, release: Release, ring: RingPlan, attempt: int, run: UUID) -> None:
    links, url = _links(config, run, ring), run_url(run, config)
    message = wording.approval_wanted(config.app.name, release, ring, request.overrides, str(run), url, links)
    _send(config, message, run, f"approval of ring {ring.name}, attempt {attempt}")


def _links(config: Config, run: UUID, ring: RingPlan) -> dict[str, str]:
    """Person -> signed address that answers for that person; empty where none are made."""
    try:
        made = {name: link(config, str(run), ring.name, ring.hash, name) for name in config.approval.by or ("",)}
    except ConfigInvalid as error:  # who is asked can answer on the run's page all the same
        log.warning("the message has no links: %s", error)
        return {}
    return {name or "answer": address for name, address in made.items() if address}


def _end(config: Config, run: Any, state: Any) -> None:
    """The last word on a run: the commit's status, and a message unless another run goes on in its place."""
    word, value, request = ENDS.get(state.type.value, state.name), _value(state), _request(run)
    url = run_url(run.id, config)
    if not request and (word == "done" or _told(run, NIGHT)):
        return  # the night tells by itself how it was
    if word == "done" and request:
        line = wording.everybody(value) if isinstance(value, ReleaseReport) else "every customer runs it"
        message = wording.done(config.app.name, request, line, _subject(config, request), url)
    else:
        error = value if isinstance(value, BaseException) else None
        line = wording.problem(error, QUIET.lower() if state.name == QUIET else word, state.message or "")
        again = wording.begins_again(run.run_count, ATTEMPTS) if word == "crashed" else ""
        message = wording.failed(config.app.name, request, _subject(config, request), error, line, url, again)
    if request:
        commit_status.tell(config, run.id, request, "success" if word == "done" else "failure", lambda _: line)
    if state.name != QUIET:
        _send(config, message, run.id, _mark(run, word))


def _send(config: Config, message: Message, run: UUID, mark: str) -> None:
    """Tells everybody who wants it, and puts on the run's page who was told; that note keeps it from being told twice."""
    answers = send_all(config.notify, message)
    lines = [f"- {name}: {problem or 'delivered'}" for name, problem in answers.items()] or ["Nobody wants to know."]
    text = mask(f"**{message.title}**\n\n" + "\n".join(lines))
    note = ArtifactCreate(key=KEY, type="markdown", data=text, description=mark, flow_run_id=run)
    with get_client(sync_client=True) as client:
        client.create_artifact(note)


def _is_told(run: Any) -> bool:
    """A night tells by itself what it found, and what it found well needs nobody else to say so."""
    word = ENDS[run.state.type.value]
    if not _request(run) and (word == "done" or _told(run, NIGHT)):
        return True
    return run.state.name == QUIET or _told(run, _mark(run, word))


def _told(run: Any, mark: str) -> bool:
    """Whether a note on the run's page says that people were told of this."""
    with get_client(sync_client=True) as client:
        notes = client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [KEY]}}),
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}),
        )
    return mark in [note.description for note in notes]


def _mark(run: Any, word: str) -> str:
    return f"{word}, attempt {run.run_count}"


def _value(state: Any) -> Any:
    """What the run returned or ended with; None where only the process that is gone knew."""
    try:
        return state.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - Prefect raises a dozen of its own for "I no longer have it"
        log.debug("the run's result is not here: %s", error)
        return None


def _request(run: Any) -> ReleaseRequest | None:
    """What the run was asked for; None of a run that is no release, or whose parameters are none of ours."""
    asked = (run.parameters or {}).get("request")
    try:
        return ReleaseRequest.model_validate(asked) if asked else None
    except ValueError:
        return None


def _this() -> UUID:
    return UUID(str(this_run.id))


def _subject(config: Config, request: ReleaseRequest | None) -> str:
    """The commit's subject, when it has been fetched; a message does not wait for a remote."""
    mirror = Mirror.open(config.app.repository)
    if request is None or not mirror.has_commit(request.commit):
        return ""
    return printable(mirror.run("show", "--no-patch", "--format=%s", request.commit))


def _guarded(work: Callable[[], None]) -> None:
    """Does it; whatever goes wrong is a line in the log, because the release is more important than its news."""
    try:
        work()
    except SlipwayError as error:
        log.warning("not told: %s", error.reasons[0].what)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("not told: %s: %s", type(error).__name__, error)
