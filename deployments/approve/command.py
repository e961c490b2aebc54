"""Answers a run that sleeps for an approval from outside the Prefect UI: what it asks, and the answer to just that."""

import json
import re
import time
from typing import Any, Literal

from deployments import follow
from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.models import Value
from tasks.run.page import run_url

Decision = Literal["approve", "reject"]
STORED_SECONDS = 10  # Prefect says that a run sleeps a moment before its form can be read
KEY = re.compile(r"suspended-(?P<ring>.+)-(?P<plan>[0-9a-f]{12})-\d+-\d+-schema")
LONGEST_NOTE = 2000


class Waiting(Value):
    """What a run asks: may this ring move by this plan."""

    run: str
    url: str
    ring: str
    plan: str
    names: tuple[str, ...] = ()
    asks: str
    text: str


class Answer(Value):
    """An answer that the server took."""

    run: str
    url: str
    ring: str
    plan: str
    decision: Decision
    by: str
    note: str = ""


def waiting(run: str) -> Waiting:
    """What the run asks now, with the plan on its page. Raises `ReleaseRefused` when it waits for nobody's answer."""
    with follow.client() as api:
        found = follow.read_run(api, run)
        key, schema, asks = _form(api, found)
        properties = schema["properties"]
        return Waiting(
            run=str(found.id),
            url=run_url(found.id),
            ring=key["ring"],
            plan=properties["plan_hash"]["default"],
            names=tuple(properties["approved_by"].get("enum", ())),
            asks=asks,
            text=follow.plan_of(str(found.id)),
        )


def answer(shown: Waiting, decision: Decision, by: str, note: str = "") -> Answer:
    """Sends the answer, which counts for the plan that was shown and no other.

    Raises `ConfigInvalid` for a name that may not answer, `ReleaseRefused` when the run waits for nothing or for another plan by now.
    """
    by, note = require_name(by, shown.names), note.strip()[:LONGEST_NOTE]
    with follow.client() as api:
        found = follow.read_run(api, shown.run)
        key, _, _ = _form(api, found)
        if (key["ring"], key["plan"]) != (shown.ring, shown.plan):
            raise ReleaseRefused.because(
                f"the run waits for plan {key['plan']} of ring {key['ring']} by now, and plan {shown.plan} was shown",
                shown.url,
                "look at the new plan, then answer that",
            )
        given = {"decision": decision, "approved_by": by, "note": note, "plan_hash": shown.plan}
        taken = api.resume_flow_run(found.id, run_input=given)
    if taken.status.value != "ACCEPT":
        raise ReleaseRefused.because(
            f"the answer was not taken: {taken.details.reason}", shown.url, "look at the run's page, then answer again"
        )
    return Answer(run=shown.run, url=shown.url, ring=shown.ring, plan=shown.plan, decision=decision, by=by, note=note)


def answered(run: str, ring: str, plan: str) -> Answer | None:
    """The newest answer that was given for a ring's plan; None when nobody has answered."""
    with follow.client() as api:
        found = follow.read_run(api, run)
        prefix = f"suspended-{ring}-{plan}-"
        kept = api.filter_flow_run_input(found.id, prefix, 500, set())
    given = {tuple(map(int, re.findall(r"\d+", i.key[len(prefix) :]))): i for i in kept if i.key.endswith("-response")}
    if not given:
        return None
    newest = json.loads(given[max(given)].value)
    return Answer(
        run=str(found.id),
        url=run_url(found.id),
        ring=ring,
        plan=plan,
        decision=newest["decision"],
        by=newest["approved_by"],
        note=newest.get("note", ""),
    )


def require_name(by: str, names: tuple[str, ...]) -> str:
    """The name as it will stand in the commit. Raises `ConfigInvalid` when it is none, or not one of those who may answer."""
    name = by.strip()
    if not name or not name.isprintable():
        raise ConfigInvalid.because(f"{by!r} is no name", "who answers", "say who you are, in one line")
    if names and name not in names:
        raise ConfigInvalid.because(
            f"{name} is not one of those who may answer", "approval.by in release.yaml", f"it names {', '.join(names)}"
        )
    return name


def _form(api: Any, run: Any) -> tuple[re.Match[str], dict[str, Any], str]:
    """The key, the schema and the words of the form that a sleeping run shows."""
    keys = _keys(run)
    deadline = time.monotonic() + STORED_SECONDS
    while (schema := _input(api, run.id, keys["schema"])) is None or (
        asks := _input(api, run.id, keys["description"])
    ) is None:
        if time.monotonic() > deadline:
            raise ReleaseRefused.because(
                f"run {run.id} sleeps, but its form is not there",
                run_url(run.id),
                "cancel the run and retry it: it asks again",
            )
        time.sleep(0.2)
    return KEY.fullmatch(keys["schema"]), schema, asks


def _keys(run: Any) -> dict[str, str]:
    """Where the server keeps the form. Raises `ReleaseRefused` when the run does not sleep for an answer."""
    state = run.state
    keys = (state.state_details.run_input_keyset or {}) if state and state.is_paused() else {}
    if not KEY.fullmatch(keys.get("schema", "")):
        raise ReleaseRefused.because(
            f"run {run.id} waits for nobody's answer: it is {state.name if state else 'not begun'}",
            run_url(run.id),
            "look at the run's page for what it does",
        )
    return dict(keys)


def _input(api: Any, run: Any, key: str) -> Any:
    """What the server keeps under a key; None when it is not there yet."""
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        return json.loads(api.read_flow_run_input(run, key))
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:
            raise
        return None
