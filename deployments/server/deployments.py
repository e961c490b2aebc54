"""The deployments that prefect.yaml wants, beside those that a Prefect server has."""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import ReleaseRefused
from tasks.models import Value

VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")


class Looked(Value):
    """One deployment of prefect.yaml: whether the server has it, and what is different there."""

    name: str
    full_name: str
    exists: bool
    differs: tuple[str, ...] = ()


def wanted(project: Path) -> list[dict[str, Any]]:
    """The deployments of prefect.yaml, each with its pull steps, environment variables put in."""
    text = VARIABLE.sub(lambda found: os.environ.get(found[1], ""), (project / "prefect.yaml").read_text())
    parsed = yaml.safe_load(text)
    return [{"pull": parsed.get("pull"), **deployment} for deployment in parsed["deployments"]]


def compare(client: Any, project: Path, deployment: dict[str, Any]) -> Looked:
    """Looks one deployment up by its flow's name and its own."""
    from prefect.exceptions import ObjectNotFound

    flow = _flow(deployment)
    full_name = f"{flow.name}/{deployment['name']}"
    try:
        there = client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return Looked(name=deployment["name"], full_name=full_name, exists=False)
    ours, theirs = _ours(deployment, flow), _theirs(there)
    differs = tuple(part for part in ours if ours[part] != theirs[part])
    return Looked(name=deployment["name"], full_name=full_name, exists=True, differs=differs)


def _flow(deployment: dict[str, Any]) -> Any:
    from prefect.flows import load_flow_from_entrypoint

    try:
        return load_flow_from_entrypoint(deployment["entrypoint"])
    except (ImportError, AttributeError) as error:
        raise ReleaseRefused.because(
            f"{deployment['name']}: its flow cannot be loaded: {error}",
            f"prefect.yaml, entrypoint {deployment['entrypoint']}",
            "correct the entrypoint, or install what is missing",
        ) from error


def _ours(deployment: dict[str, Any], flow: Any) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    pool, limit = deployment["work_pool"], deployment.get("concurrency_limit") or {}
    return {
        "entrypoint": deployment["entrypoint"],
        "description": deployment.get("description"),
        "tags": sorted(deployment.get("tags") or []),
        "work pool": pool["name"],
        "job variables": pool.get("job_variables") or {},
        "pull steps": deployment["pull"] or [],
        "limit": (limit.get("limit"), limit.get("collision_strategy")),
        "schedules": sorted((s.get("cron"), s.get("timezone")) for s in deployment.get("schedules") or []),
        "parameters": _said(parameter_schema(flow).model_dump(mode="json")),
    }


def _theirs(there: Any) -> dict[str, Any]:
    limit, options = there.global_concurrency_limit, there.concurrency_options
    crons = [(getattr(s.schedule, "cron", None), getattr(s.schedule, "timezone", None)) for s in there.schedules]
    return {
        "entrypoint": there.entrypoint,
        "description": there.description,
        "tags": sorted(there.tags),
        "work pool": there.work_pool_name,
        "job variables": there.job_variables or {},
        "pull steps": there.pull_steps or [],
        "limit": (limit.limit if limit else None, options.collision_strategy.value if options else None),
        "schedules": sorted(crons),
        "parameters": _said(there.parameter_openapi_schema or {}),
    }


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what is empty: for a flow without parameters the server keeps another nothing than we send."""
    return {key: value for key, value in schema.items() if value and key not in ("title", "type")}
