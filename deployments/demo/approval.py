"""Answers the approval of a sleeping run through the API, the way a click on *Resume* in the Prefect UI does."""

import json
from typing import Any

from deployments.demo.display import Display


def answer(client: Any, run: Any, display: Display) -> bool:
    """Whether the server took the answer. A run sleeps a moment before its form is stored: then it says REJECT."""
    form = _form(client, run)
    if form is None:
        return False
    given = {"decision": "approve", "approved_by": "the demo", "note": "answered through the API", "plan_hash": form}
    reply = client._client.post(f"/flow_runs/{run.id}/resume", json={"run_input": given}).json()
    taken = reply.get("status") == "ACCEPT"
    if taken:
        display.say(f"approved through the API, plan {form}")
    return taken


def _form(client: Any, run: Any) -> str | None:
    """The plan's hash that the form was filled in with; None while the form is not there yet."""
    keyset = run.state.state_details.run_input_keyset
    if not keyset:
        return None
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        schema = client.read_flow_run_input(flow_run_id=run.id, key=keyset["schema"])
    except PrefectHTTPStatusError:
        return None
    document = json.loads(schema) if isinstance(schema, str | bytes) else schema
    return document["properties"]["plan_hash"]["default"]
