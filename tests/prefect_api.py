"""Stands in for a Prefect server where only the questions of the receiver are asked, a great many times.

Every request and answer is held to the OpenAPI document of Prefect's own server, made by the installed package.
"""

import threading
import uuid
from typing import Any

from tests.contracts import ContractServer, Request, Response


class PrefectApi:
    """Deployments by any name, and runs by their idempotency keys. Turns every third new run away once, as SQLite does."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        """Idempotency key -> commit, in the order in which the runs were made."""
        self._turned_away: set[str] = set()
        self._lock = threading.Lock()
        self.server = ContractServer(_document(), self._answer)

    @property
    def commits(self) -> list[str]:
        """The commits of the runs, oldest first."""
        with self._lock:
            return list(self.keys.values())

    def _answer(self, request: Request) -> Response:
        from importlib.metadata import version

        match request.operation:
            case "GET /admin/version":
                return Response(200, version("prefect"))
            case "GET /csrf-token":
                return Response(200, _token(request.query["client"][0]))
            case "GET /deployments/name/{flow_name}/{deployment_name}":
                return Response(200, _deployment(request.path_parameters["deployment_name"]))
            case "POST /deployments/{id}/create_flow_run":
                return self._run(request.body)
            case "POST /flow_runs/filter":  # of the queue and of runs to watch over: there are none
                return Response(200, [])
        raise AssertionError(f"{request.operation} is not asked")

    def _run(self, body: dict[str, Any]) -> Response:
        from prefect.server.schemas.responses import FlowRunResponse

        key, commit = body["idempotency_key"], body["parameters"]["request"]["commit"]
        with self._lock:
            is_new = key not in self.keys
            if is_new and len(self.keys) % 3 == 2 and key not in self._turned_away:
                self._turned_away.add(key)
                return Response(503, {"exception_message": "Service Unavailable"}, {"Retry-After": "0"})
            self.keys.setdefault(key, commit)
        run = FlowRunResponse(id=uuid.uuid5(uuid.NAMESPACE_URL, key), name="a-run", flow_id=uuid.uuid4())
        return Response(201 if is_new else 200, run.model_dump(mode="json"))


def _token(client: str) -> dict[str, Any]:
    """The document has no words for a server without protection, so that this one has it."""
    from datetime import UTC, datetime, timedelta

    from prefect.server.schemas.core import CsrfToken

    token = CsrfToken(token="t" * 20, client=client, expiration=datetime.now(UTC) + timedelta(hours=1))
    return token.model_dump(mode="json")


def _deployment(name: str) -> dict[str, Any]:
    from prefect.server.schemas.responses import DeploymentResponse

    known = DeploymentResponse(id=uuid.uuid5(uuid.NAMESPACE_URL, name), name=name, flow_id=uuid.uuid4(), tags=[])
    return known.model_dump(mode="json")


def _document() -> dict[str, Any]:
    """Of the routes that the receiver uses; the document of all of them takes several times as long to make."""
    from fastapi import FastAPI
    from prefect.server.api import admin, csrf_token, deployments, flow_runs

    app = FastAPI(title="Prefect", servers=[{"url": "http://127.0.0.1/api"}])
    for module in (admin, csrf_token, deployments, flow_runs):
        app.include_router(module.router)
    document = app.openapi()
    # FastAPI documents the status of the decorator; the route sets 201 itself for a run that is new.
    answers = document["paths"]["/deployments/{id}/create_flow_run"]["post"]["responses"]
    answers["201"] = answers["200"]
    # The server makes a name where the client sends none, which a validator does that the document does not show.
    created = document["components"]["schemas"]["DeploymentFlowRunCreate"]["properties"]
    created["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    # The client sends null where it asks for no order and no limit, and the server takes it.
    asked = document["components"]["schemas"]["Body_read_flow_runs_flow_runs_filter_post"]["properties"]
    asked |= {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in asked.items()}
    return document
