"""`slipway demo`: brings everything up, pushes to main, follows the release to ten customers, and takes it all down."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console

from deployments import services
from deployments.demo import approval, ending
from deployments.demo.base_images import ensure_base_images
from deployments.demo.display import Display
from deployments.demo.world import World, demo_folder, git, open_world
from tasks.config.operate import DEPLOYMENT
from tasks.errors import ServiceUnavailable

RUN_SECONDS = 1200
FIND_SECONDS = 60
POLL_SECONDS = 0.5
STAND_IN = "Rollout is others' work: Argo CD and ten Kubernetes namespaces are stood in for by an agent of this demo."


def run_demo(once: bool) -> int:
    """Runs the demo; with `once` it answers the approval and ends by itself. Returns the exit code.

    0: ten customers answer the pushed commit. Whatever happens, no process, container or network stays.
    """
    console = Console(highlight=False)
    console.print(STAND_IN, style="dim")
    with _interruptible(), ExitStack() as stack:
        try:
            world = open_world(demo_folder())
            bring_up(world, stack, console)
            run, commit = push(world, console)
            state = follow(world, run, once, console)
            return _finish(world, run, commit, state, once, console)
        except KeyboardInterrupt:
            console.print("interrupted: taking everything down")
            return 130


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that everything is taken down."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def bring_up(world: World, stack: ExitStack, console: Console) -> None:
    """Starts every server; what takes long starts first and is waited for last."""
    started, settings = time.monotonic(), world.settings
    env = services.worker_environment(world.prefect, settings.prefect_port, world.home, world.config)
    os.environ.update({k: v for k, v in env.items() if k.startswith(("PREFECT_", "SLIPWAY_"))})
    prefect = stack.enter_context(services.prefect_server(world.prefect, settings.prefect_port))
    stack.enter_context(services.docker_engine(world.logs))
    registry = stack.enter_context(services.registry(world.registry, settings.registry_port))
    ensure_base_images(lambda line: console.print(f"  {line}", style="dim"))
    registry.wait_ready()
    cluster = stack.enter_context(_cluster(world, env))
    prefect.wait_ready()
    services.deploy(env)
    servers = [
        stack.enter_context(services.worker(env, world.logs)),
        stack.enter_context(services.receiver(env, world.logs, settings.receiver_port)),
        cluster,
    ]
    for server in servers:
        server.wait_ready()
    console.print(f"Servers are up after {time.monotonic() - started:.0f} s. Prefect UI: {world.ui}")


def _cluster(world: World, env: dict[str, str]) -> Any:
    log_file = world.logs / "cluster.log"
    log_file.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "deployments.demo.cluster", str(world.folder)]
    return services.serving("cluster", argv, log_file, env, lambda: b"ready" in log_file.read_bytes())


def push(world: World, console: Console) -> tuple[Any, str]:
    """`git push`; when main has the commit already, the same release is asked for again."""
    commit = git(world.app, "rev-parse", "HEAD")
    if (
        git(world.app_remote, "rev-parse", "--verify", "--quiet", "main^{commit}", "--") == commit
        if _has_main(world)
        else False
    ):
        console.print(f"main already is at {commit[:7]}: nothing to push, the same release is asked for again")
        return _start_again(commit), commit
    console.print("$ git push origin main", style="bold")
    pushed = time.time()
    done = subprocess.run(
        ["git", "push", "origin", "main"],
        cwd=world.app,
        capture_output=True,
        text=True,
        check=False,
        env=_git_environment(),
    )
    for line in done.stderr.splitlines():
        console.print(f"  {line.strip()}", style="dim", soft_wrap=True, markup=False)
    if done.returncode:
        raise ServiceUnavailable.because(
            f"git push ended with exit code {done.returncode}", str(world.app), "see the lines above"
        )
    return _find_run(commit, pushed), commit


def _git_environment() -> dict[str, str]:
    return {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def _has_main(world: World) -> bool:
    return bool(git(world.app_remote, "for-each-ref", "refs/heads/main"))


def _start_again(commit: str) -> Any:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(DEPLOYMENT)
        return client.create_flow_run_from_deployment(deployment.id, parameters={"request": {"commit": commit}})


def _find_run(commit: str, since: float) -> Any:
    """The run that the webhook started."""
    from prefect import get_client

    deadline = time.monotonic() + FIND_SECONDS
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            for run in client.read_flow_runs(limit=20):
                request = run.parameters.get("request", {})
                if run.created.timestamp() >= since - 1 and request.get("commit") == commit:
                    return run
            time.sleep(POLL_SECONDS)
    raise ServiceUnavailable.because(
        "the push started no release", "the receiver's log", "see logs/receiver.log in the demo's folder"
    )


def follow(world: World, run: Any, once: bool, console: Console) -> Any:
    """Shows the run until it ends; with `once` the approval is answered as a person's click would be."""
    from prefect import get_client

    deadline, answered = time.monotonic() + RUN_SECONDS, False
    with get_client(sync_client=True) as client, Display(console, client, run.id) as display:
        while True:
            current = client.read_flow_run(run.id)
            display.update(current)
            if current.state and current.state.is_final():
                return current.state
            if current.state and current.state.is_paused() and not answered:
                answered = (
                    approval.answer(client, current, display)
                    if once
                    else display.ask(f"{world.ui}/runs/flow-run/{run.id}")
                )
            if once and time.monotonic() > deadline:
                raise ServiceUnavailable.because(
                    f"the release did not end within {RUN_SECONDS} s", world.ui, "see the run there"
                )
            time.sleep(POLL_SECONDS)


def _finish(world: World, run: Any, commit: str, state: Any, once: bool, console: Console) -> int:
    """Looks at every customer itself, takes the picture, shows the matrix; stays until Ctrl-C unless `once`."""
    well = ending.show(world, run.id, commit, state, console)
    if once:
        return 0 if well else 1
    ending.what_next(world, console)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("taking everything down")
    return 0 if well else 1
