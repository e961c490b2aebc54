"""A real registry, Prefect server, worker and cluster stand-in, and the sample app that is released through them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from deployments import services
from deployments.demo import cluster
from deployments.demo.world import NO_DIGEST, Settings
from tasks import containers
from tests.flows.servers import start_servers
from tests.ports import free_ports

TICKETS = Path(__file__).parents[1] / "samples" / "tickets"
CUSTOMERS = ("bre", "dal", "fjord")
UNIT = (
    "node --test --test-reporter=junit --test-reporter-destination=$JUNIT "
    "--test-reporter=spec --test-reporter-destination=stdout"
)
END_SECONDS = 240


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[SimpleNamespace]:
    """With the deployments of prefect.yaml, and a worker; started once for all tests here, and a burden to others if they stayed."""
    with ExitStack() as stack:
        started = start_servers(stack, tmp_path_factory.mktemp("servers"), (4300, 5100))
        services.deploy(started.env)
        stack.enter_context(services.worker(started.env, started.folder)).wait_ready()
        yield started


class Product:
    """The tickets app, its GitOps repository with three customers, and ways to release and look."""

    def __init__(self, servers: SimpleNamespace, app: Any, gitops: Any, folder: Path) -> None:
        self.servers, self.app, self.gitops, self.folder = servers, app, gitops, folder
        self.ports = free_ports(CUSTOMERS, 8301)
        shutil.copytree(TICKETS, app.work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
        self.first = app.commit({}, "Tickets")
        image = f"{servers.registry}/{folder.name.lower().replace('_', '-').strip('-')}/api"
        none = {f"{c}/deployment.yaml": f"# {c}\nspec: {{image: '{image}@{NO_DIGEST}'}}\n" for c in CUSTOMERS}
        gitops.commit(none, "customers")
        self.settings: dict[str, Any] = {
            "app": {"name": "tickets", "repository": app.url},
            "components": {
                "api": {
                    "path": "api",
                    "image": image,
                    "suites": {"unit": {"run": UNIT, "services": ["postgres"]}},
                    "run": {"port": 8080, "migrate": "node migrate.js"},
                }
            },
            "e2e": {
                "path": "e2e",
                "smoke": "python smoke.py",
                "full": "python smoke.py --full",
                "env": {"BASE_URL": "http://api:8080"},
            },
            "migrations": {"component": "api", "tool": "sql", "seed": "node smoke.js keep", "smoke": "node smoke.js"},
            "gitops": {
                "repository": gitops.url,
                "targets": {"api": [{"file": "{customer}/deployment.yaml", "path": "spec.image"}]},
            },
            "rings": [{"name": "canary", "customers": ["fjord"]}, {"name": "all", "customers": "*"}],
            "rollout": {
                "urls": {c: f"http://127.0.0.1:{p}" for c, p in self.ports.items()},
                "versions": {"api": "/version"},
                "timeout": "60s",
            },
        }
        self.configure()

    def configure(self, **sections: Any) -> None:
        """Writes release.yaml, with some sections replaced."""
        self.settings.update(sections)
        self.servers.config.write_text(yaml.safe_dump(self.settings))

    def start(self, commit: str) -> Any:
        """A run of the release deployment."""
        return self.run("release/release", request={"commit": commit})

    def run(self, deployment: str, **parameters: Any) -> Any:
        """A run of any deployment."""
        from prefect import get_client

        with get_client(sync_client=True) as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def wait(self, run: Any, name: str = "") -> Any:
        """The run's state once it has this name, or has ended."""
        from prefect import get_client

        deadline = time.monotonic() + END_SECONDS
        with get_client(sync_client=True) as client:
            while True:
                state = client.read_flow_run(run).state
                if state and (state.name == name or state.is_final()):
                    return state
                assert time.monotonic() < deadline, f"still {state}"
                time.sleep(0.3)

    def release(self, commit: str) -> tuple[Any, Any]:
        """(run, last state) of one release."""
        run = self.start(commit)
        return run, self.wait(run)

    def set_state(self, run: Any, state: Any) -> None:
        """Does what a click on Retry or Cancel in the UI does."""
        from prefect import get_client

        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, state)

    def resume(self, run: Any, **form: str) -> str:
        """The server's answer to a click on Resume with this form: ACCEPT or REJECT."""
        from prefect import get_client

        with get_client(sync_client=True) as client:
            answer = client._client.post(f"/flow_runs/{run}/resume", json={"run_input": form} if form else {})
            return str(answer.json().get("status"))

    def steps(self, run: Any) -> list[tuple[str, str]]:
        """(name, state) of every step of every attempt."""
        from prefect import get_client
        from prefect.client.schemas.filters import FlowRunFilter

        deadline = time.monotonic() + 20
        with get_client(sync_client=True) as client:
            while True:  # the server learns of the last steps a moment after the run has ended
                runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run]}), limit=200)
                if all(r.end_time for r in runs) or time.monotonic() > deadline:
                    return [(r.name, r.state_name) for r in runs]
                time.sleep(0.3)

    def artifact(self, run: Any, key: str) -> str:
        """The newest artifact of a run under a key."""
        from prefect import get_client
        from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
        from prefect.client.schemas.sorting import ArtifactSort

        with get_client(sync_client=True) as client:
            found = client.read_artifacts(
                artifact_filter=ArtifactFilter(key={"any_": [key]}),
                flow_run_filter=FlowRunFilter(id={"any_": [run]}),
                sort=ArtifactSort.UPDATED_DESC,
            )
        return str(found[0].data) if found else ""

    def left(self, run: Any) -> int:
        """Containers and networks of a run that are there now."""
        client, label = containers.engine(), {"label": f"{containers.RUN_LABEL}={run}"}
        return len(client.containers.list(all=True, filters=label, ignore_removed=True)) + len(
            client.networks.list(filters=label)
        )

    def history(self) -> list[tuple[str, str]]:
        """(id, subject) of the GitOps branch as it is on the server, newest first."""
        command = ["git", "-C", self.gitops.url, "log", "--format=%H %s", "main"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return [(line[:40], line[41:]) for line in lines]


@pytest.fixture
def product(servers: SimpleNamespace, repository: Callable, tmp_path: Path) -> Product:
    """The app before its first release, and nobody who rolls out."""
    return Product(servers, repository("app"), repository("gitops"), tmp_path)


@pytest.fixture
def roll_out(product: Product) -> Iterator[Callable[[], None]]:
    """Starts the cluster stand-in for the product when called."""
    world, identity = product.folder / "cluster", f"test-{os.getpid()}"
    world.mkdir()
    settings = Settings(
        id=identity,
        secret="-",
        entry="api",
        registry_port=1,
        prefect_port=1,
        receiver_port=1,
        receiver="-",
        customer_ports=product.ports,
    )
    (world / "world.json").write_text(settings.model_dump_json())
    argv = [sys.executable, "-m", "deployments.demo.cluster", str(world)]
    log_file = world / "cluster.log"
    with ExitStack() as stack:

        def begin() -> None:
            shutil.copy(product.servers.config, world / "release.yaml")
            env = services.environment(SLIPWAY_HOME=str(world / "home"))
            ready = lambda: b"ready" in log_file.read_bytes()  # noqa: E731
            stack.enter_context(services.serving("cluster", argv, log_file, env, ready)).wait_ready()

        yield begin
    cluster.remove_all(identity)
    for volume in containers.engine().volumes.list(filters={"name": f"slipway-demo-{identity}"}):
        volume.remove(force=True)
