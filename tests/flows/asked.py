"""Releases that ask: real git repositories, customers that answer what the branch says, a real server and worker; no image is built."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import yaml
from prefect.exceptions import PrefectHTTPStatusError

from deployments import services
from tests.databases import postgres
from tests.ports import free_port
from tests.reliability.world import COMPONENTS, World, make_world, state_path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300


class Servers:
    """A Prefect server and a worker that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        # Several test runs on one machine look for a port at the same moment.
        self.folder, self.port = folder, free_port(15000 + os.getpid() % 5000)
        self.config = folder / "release.yaml"
        self.env = services.worker_environment(folder / "prefect", self.port, folder / "home", self.config)
        self.ui = f"http://127.0.0.1:{self.port}"
        self._stack = ExitStack()
        self._database = self._stack.enter_context(postgres())
        self._running: dict[str, services.Server] = {}

    def start(self) -> None:
        """Starts both."""
        server = self._stack.enter_context(
            services.prefect_server(self.folder / "prefect", self.port, **self._database.settings)
        )
        server.wait_ready()
        services.deploy(self.env)
        worker = self._stack.enter_context(services.worker(self.env, self.folder))
        worker.wait_ready()
        self._running = {"server": server, "worker": worker}

    def kill(self) -> None:
        """kill -9 of both."""
        for one in self._running.values():
            one.process.kill()
            one.process.wait()

    def stop(self) -> None:
        """Ends both."""
        self._stack.close()


class Release:
    """One release that asks, and ways to look at it."""

    def __init__(self, servers: Servers, world: World, client: Any, run: UUID) -> None:
        self.servers, self.world, self.client, self.run = servers, world, client, run

    @property
    def state(self) -> Any:
        return self.client.read_flow_run(self.run).state

    def wait(self, *names: str) -> Any:
        """Its state once it has one of these names, or has ended when none is given."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not ((state := self.state) and (state.name in names if names else state.is_final())):
            assert time.monotonic() < deadline, f"still {state}"
            assert not names or not state or not state.is_final(), f"ended: {state}"
            time.sleep(0.2)
        return state

    def key(self) -> str:
        """What names the question that it waits with."""
        self.wait("Suspended")
        return str(self.state.state_details.run_input_keyset["schema"])

    def asks(self, after: str = "") -> str:
        """The words above the form of the next question after this key."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if (key := self.key()) != after:
                with suppress(PrefectHTTPStatusError):  # 404: Prefect stores the form after the run has fallen asleep
                    words = self.client._client.get(
                        f"/flow_runs/{self.run}/input/{key.replace('schema', 'description')}"
                    )
                    return str(words.json())
            time.sleep(0.2)
        raise AssertionError("it was not asked")

    def resume(self, **form: str) -> str:
        """The server's answer to this form: ACCEPT or REJECT."""
        return str(self.client.resume_flow_run(self.run, run_input=form).status.value)

    def plan(self) -> str:
        """The hash that the form holds."""
        return self.key().removesuffix("-schema").rsplit("-", 3)[1]

    def steps(self) -> list[tuple[str, str]]:
        """(name, state) of every step of every attempt."""
        from prefect.client.schemas.filters import FlowRunFilter

        return [
            (r.name, r.state_name)
            for r in self.client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [self.run]}), limit=200)
        ]

    def timers(self) -> list[Any]:
        """Runs that are still to wake it."""
        deployment = self.client.read_deployment_by_name("approval-timeout/approval-timeout")
        found = self.client.read_flow_runs(limit=200)
        return [
            r
            for r in found
            if r.deployment_id == deployment.id
            and r.parameters["run"] == str(self.run)
            and r.state
            and r.state.is_scheduled()
        ]


class Customers:
    """Customers that run at once what the branch of a world says."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}

    @contextmanager
    def serving(self) -> Iterator[int]:
        there = self

        class Customer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _, world, customer, _ = self.path.split("/")
                stated = yaml.safe_load(there.worlds[world].content(state_path(customer)) or b"{}")
                done = stated.get("release", {}).get("components", {}).get(COMPONENTS[0], {})
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"commit": done.get("revision", "")}).encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()


def begin(servers: Servers, customers: Customers, port: int, folder: Path, client: Any, **approval: Any) -> Release:
    """A release of a new world with two customers; `approval` is that section of release.yaml."""
    world = make_world(folder, customers=2, commits=2)
    customers.worlds[folder.name] = world
    settings = world.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    settings |= {
        "rings": [{"name": "all", "customers": "*", "approve": True}],
        "rollout": {
            "url": f"http://127.0.0.1:{port}/{folder.name}/{{customer}}",
            "versions": {COMPONENTS[0]: "/version"},
            "timeout": "60s",
        },
        "approval": approval,
        "addresses": {"receiver": "http://127.0.0.1:1", "prefect": servers.ui},
    }
    servers.config.write_text(yaml.safe_dump(settings))
    deployment = client.read_deployment_by_name("asking/asking")
    release = world.release(1).model_dump(mode="json")
    run = client.create_flow_run_from_deployment(deployment.id, parameters={"release": release})
    return Release(servers, world, client, run.id)


def deploy(client: Any) -> None:
    """Makes the deployment of the flow in asking.py."""
    from tests.flows.asking import asking

    client.create_deployment(
        client.create_flow(asking),
        "asking",
        work_pool_name="slipway",
        entrypoint="tests.flows.asking.asking",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        parameter_openapi_schema={"type": "object", "properties": {}},
        enforce_parameter_schema=False,
    )
