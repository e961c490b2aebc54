"""The deployments of prefect.yaml: on the server, not paused, and taking what this version's flows take."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from deployments.doctor import prefect_server
from deployments.doctor.finding import Finding, ok, warning, wrong

AREA = "deployments"
FILE = Path(__file__).parents[2] / "prefect.yaml"
AGAIN = "run `slipway server apply`"


def look() -> Iterator[Finding]:
    """Each deployment, then the automations."""
    from prefect import get_client

    prefect_server.require_access()
    with get_client(sync_client=True) as client:
        for wanted in yaml.safe_load(FILE.read_text())["deployments"]:
            yield _deployment(client, wanted)
        yield _automations([a.name for a in client.read_automations()])


def _deployment(client: Any, wanted: dict[str, Any]) -> Finding:
    from prefect.exceptions import ObjectNotFound

    flow = _flow(wanted["entrypoint"])
    name = f"{flow.name}/{wanted['name']}"
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return wrong(AREA, f"there is no {name}", AGAIN)
    if found.paused:
        return warning(AREA, f"{name} is paused: nothing starts by itself", f"prefect deployment schedule ls {name}")
    if found.entrypoint != wanted["entrypoint"] or _differs(found.parameter_openapi_schema, flow):
        return wrong(AREA, f"{name} was deployed by another version of Slipway", AGAIN)
    return ok(AREA, f"{name} is as here")


def _flow(entrypoint: str) -> Any:
    module, _, name = entrypoint.rpartition(".")
    return getattr(import_module(module), name)


def _differs(theirs: dict[str, Any] | None, flow: Any) -> bool:
    """Whether the form of the parameters is another one: what a changed description alone does not make."""
    from prefect.utilities.callables import parameter_schema

    return _form(theirs or {}) != _form(parameter_schema(flow).model_dump())


def _form(schema: Any) -> Any:
    """The schema without words for people, and without what is empty."""
    if isinstance(schema, dict):
        kept = {k: _form(v) for k, v in schema.items() if k not in ("description", "title", "position")}
        return {k: v for k, v in kept.items() if v not in ({}, [], None)}
    return [_form(v) for v in schema] if isinstance(schema, list) else schema


def _automations(names: list[str]) -> Finding:
    ours = sorted(name for name in names if name.startswith("slipway"))
    if ours:
        return ok(AREA, f"automations: {', '.join(ours)}")
    return warning(
        AREA,
        "there are no automations of Slipway: a crashed run waits for a person",
        AGAIN,
    )
