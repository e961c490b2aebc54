"""The servers that a release needs, beside a worker: those of the tests of flows."""

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

from deployments import services
from tests.databases import postgres
from tests.images import forget
from tests.ports import free_port


def start_servers(stack: ExitStack, folder: Path, ports: tuple[int, int]) -> SimpleNamespace:
    """A registry, and a Prefect server on PostgreSQL, for the length of the stack; nothing is deployed, nobody works yet.

    `ports`: from where a free one is looked for, for Prefect and for the registry.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    config, home = folder / "release.yaml", folder / "home"
    port, registry_port = free_port(ports[0]), free_port(ports[1])
    env = services.worker_environment(folder / "prefect", port, home, config)
    database = stack.enter_context(postgres())
    prefect = stack.enter_context(services.prefect_server(folder / "prefect", port, **database.settings))
    stack.callback(forget, f"127.0.0.1:{registry_port}/")
    stack.enter_context(services.registry(folder / "registry", registry_port)).wait_ready()
    prefect.wait_ready()
    stack.enter_context(temporary_settings({PREFECT_API_URL: env["PREFECT_API_URL"]}))
    return SimpleNamespace(
        folder=folder,
        config=config,
        home=home,
        env=env,
        port=port,
        registry=f"127.0.0.1:{registry_port}",
        database=database,
        prefect=prefect,
        stack=stack,
    )
