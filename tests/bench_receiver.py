"""How long it takes from a webhook to the first line of the flow's log, and where the time goes. Printed, never asserted.

`python -m tests.bench_receiver`. Each measurement is of an app of its own, one after the other, with a warm worker that asks
each second. Three ways to start the flow's process are put side by side.
"""

import datetime
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from deployments import services
from tests import receivers
from tests.conftest import Repository
from tests.deliveries import push
from tests.ports import free_port

TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 5
ENGINE = f"{sys.executable} -m prefect.engine"
WAYS: dict[str, dict[str, Any]] = {
    "as deployed": {},
    "no command": {"command": None},
    "command": {"command": ENGINE},
    "command, no pull": {"command": ENGINE, "working_dir": str(services.PROJECT), "pull": []},
}
STAGES = ("answer", "run", "pending", "running", "first line")


def main() -> None:
    """Prints one line for each way: the median of each stage in seconds after the first byte was sent."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        repositories, configs = _apps(folder)
        port = free_port(4500)
        env = services.worker_environment(folder / "prefect", port, folder / "home", configs[0])
        api = env["PREFECT_API_URL"]
        with services.prefect_server(folder / "prefect", port) as server:
            server.wait_ready()
            services.deploy(env)
            with (
                temporary_settings({PREFECT_API_URL: api}),
                get_client(sync_client=True) as client,
                services.worker(env, folder) as worker,
                receivers.serving(folder, configs, api, folder / "home") as (_, hook),
            ):
                worker.wait_ready()
                _deploy(client, folder)
                _print(client, hook, repositories)


def _apps(folder: Path) -> tuple[dict[str, Repository], list[Path]]:
    repositories, configs = {}, []
    for way in range(len(WAYS)):
        for time_ in range(TIMES + 1):
            app = f"app-{way}-{time_}"
            (folder / app).mkdir()
            repositories[app] = Repository(folder / app)
            configs.append(receivers.write_config(folder, app, repositories[app].url, "github"))
    return repositories, configs


def _deploy(client: Any, folder: Path) -> None:
    """Each app's deployment is the one of prefect.yaml with its own release.yaml."""
    shipped = client.read_deployment_by_name("release/release")
    for way, changes in enumerate(WAYS.values()):
        for time_ in range(TIMES + 1):
            app = f"app-{way}-{time_}"
            variables = {**shipped.job_variables, **{k: v for k, v in changes.items() if k != "pull"}}
            client.create_deployment(
                flow_id=shipped.flow_id,
                name=app,
                entrypoint=shipped.entrypoint,
                pull_steps=changes.get("pull", shipped.pull_steps),
                work_pool_name=shipped.work_pool_name,
                job_variables={**variables, "env": {"SLIPWAY_CONFIG": str(folder / f"{app}.yaml")}},
            )


def _print(client: Any, port: int, repositories: dict[str, Repository]) -> None:
    print(f"{'seconds after the webhook, median of ' + str(TIMES):40}" + "".join(f"{s:>12}" for s in STAGES))
    for way, name in enumerate(WAYS):
        found = [_measure(client, port, f"app-{way}-{n}", repositories[f"app-{way}-{n}"]) for n in range(TIMES + 1)]
        medians = [statistics.median(column) for column in zip(*found[1:], strict=True)]
        print(f"{name:40}" + "".join(f"{m:12.2f}" for m in medians), flush=True)


def _measure(client: Any, port: int, app: str, repository: Repository) -> list[float]:
    commit = repository.commit({"a": app})
    began = time.time()
    answer = receivers.send(port, f"/hooks/{app}", push("github", commit))
    assert answer.status == 202
    run = receivers.until(lambda: _run(client, app))
    states = receivers.until(lambda: _ended(client, run.id), 120)
    line = receivers.until(lambda: _first_line(client, run.id))
    moments = [run.created, states["PENDING"], states["RUNNING"], line]
    return [
        answer.seconds,
        *((m - datetime.datetime.fromtimestamp(began, datetime.UTC)).total_seconds() for m in moments),
    ]


def _run(client: Any, app: str) -> Any:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[app]))
    return next(iter(client.read_flow_runs(deployment_filter=wanted)), None)


def _ended(client: Any, run: Any) -> dict[str, datetime.datetime] | None:
    """State type -> when it began, once the run is over."""
    states = client.read_flow_run_states(run)
    if not states or not any(s.is_final() for s in states):
        return None
    return {s.type.value: s.timestamp for s in sorted(states, key=lambda s: s.timestamp, reverse=True)}


def _first_line(client: Any, run: Any) -> datetime.datetime | None:
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    found = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])), limit=50)
    moments = [entry.timestamp for entry in found if entry.name == "prefect.flow_runs"]
    return min(moments) if moments else None


if __name__ == "__main__":
    main()
