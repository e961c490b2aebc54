"""The questions of a run as the Prefect server keeps them: what was asked when, what was answered, whose time is over."""

import datetime
import json
import logging
import re
from typing import Any, NamedTuple
from uuid import UUID

from prefect import get_client
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.runtime import flow_run as this_run
from prefect.states import Scheduled

log = logging.getLogger(__name__)
# A run of it wakes a run that sleeps for an answer. Prefect's own limit fails the run instead, and no code of ours names it.
TIMER = "approval-timeout/approval-timeout"
PREFIX = "suspended-"  # Prefect's own, before every key of a suspended run's form
MOST = 500
EXISTS = 409


class Question(NamedTuple):
    """One question; `answer` is the form as it was sent, `expired` says that its time ended without one."""

    topic: str
    attempt: int
    number: int
    until: datetime.datetime
    timer: str
    answer: dict[str, Any] | None
    expired: bool


def this_attempt() -> int:
    """1, and one more for each retry; a run that was asleep is in the same attempt as before."""
    return this_run.run_count or 1


def in_seconds(seconds: float) -> datetime.datetime:
    """That moment from now on."""
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)


def asked(topic: str) -> list[Question]:
    """Every question that this run asked on a topic, in order; one request."""
    prefix = f"{PREFIX}{topic}-"
    with get_client(sync_client=True) as client:
        kept = client.filter_flow_run_input(UUID(this_run.id), prefix, MOST, set())
    parts: dict[tuple[int, int], dict[str, Any]] = {}
    for item in kept:
        if found := re.fullmatch(r"(\d+)-(\d+)-(asked|response|expired)", item.key.removeprefix(prefix)):
            parts.setdefault((int(found[1]), int(found[2])), {})[found[3]] = json.loads(item.value)
    return [
        Question(
            topic,
            attempt,
            number,
            datetime.datetime.fromisoformat(part["asked"]["until"]),
            part["asked"]["timer"],
            part.get("response"),
            "expired" in part,
        )
        for (attempt, number), part in sorted(parts.items())
        if "asked" in part
    ]


def note(key: str, what: str, until: datetime.datetime) -> bool:
    """Writes down that the question is asked, before it is; whether this run will be woken when its time is over.

    Not so when the deployment for that is missing. Doing it twice is doing it once.
    """
    with get_client(sync_client=True) as client:
        timer = _timer(client, key, what, until)
        _keep(client, UUID(this_run.id), f"{PREFIX}{key}-asked", {"until": until.isoformat(), "timer": timer})
    return bool(timer)


def end_wait(run: UUID, key: str) -> None:
    """Wakes a run whose time for an answer is over. Does nothing when it was answered, or asks something else by now."""
    with get_client(sync_client=True) as client:
        if _waits(client, run, key):
            _keep(client, run, f"{PREFIX}{key}-expired", {})
        # An answer may have come while that was written; the run is awake then.
        if not _waits(client, run, key):
            log.info("run %s no longer waits for this answer", run)
            return
        client.set_flow_run_state(run, Scheduled(name="Resuming"))
        log.info("run %s: nobody answered in time", run)


def forget_timers(questions: list[Question]) -> None:
    """Removes the runs that would wake this one for what was answered; they would do nothing, but stand among those to come."""
    with get_client(sync_client=True) as client:
        for timer in {q.timer for q in questions if q.timer and q.answer is not None}:
            try:
                if (state := client.read_flow_run(UUID(timer)).state) and state.is_scheduled():
                    client.delete_flow_run(UUID(timer))
            except ObjectNotFound:
                continue


def _waits(client: Any, run: UUID, key: str) -> bool:
    """Whether the run sleeps for the answer to this question."""
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:
        return False
    form = (state.state_details.run_input_keyset or {}) if state and state.is_paused() else {}
    return bool(form.get("schema") == f"{PREFIX}{key}-schema")


def _timer(client: Any, key: str, what: str, until: datetime.datetime) -> str:
    try:
        deployment = client.read_deployment_by_name(TIMER)
    except ObjectNotFound:
        log.warning("the server has no deployment %s: `slipway server apply` makes it", TIMER)
        return ""
    made = client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"run": str(this_run.id), "question": key},
        state=Scheduled(scheduled_time=until),
        name=f"time limit of {this_run.name}, {what}",
        idempotency_key=f"{this_run.id}-{key}",
    )
    return str(made.id)


def _keep(client: Any, run: UUID, key: str, value: dict[str, str]) -> None:
    """Stores it beside the form; once it is there it stays as it is."""
    try:
        client.create_flow_run_input(flow_run_id=run, key=key, value=json.dumps(value))
    except ObjectAlreadyExists:
        return
    except PrefectHTTPStatusError as error:
        if error.response.status_code != EXISTS:
            raise
