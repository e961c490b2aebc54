"""The whole app from its images, by digest: database, migrations, seeds, services, components, each seen healthy."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.app import EndToEnd
from tasks.config.model import Config
from tasks.config.suites import Limits
from tasks.containers import have, postgres, run_command, running
from tasks.containers.service import address
from tasks.errors import ReleaseRefused
from tasks.models import Image, Reason
from tasks.output import printable
from tasks.suites.services import DATABASE, started, under

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

COMMAND_SECONDS = 300
LAST_LINES, KEPT_LINES = 30, 5_000
App = dict[str, "Container"]
"""Component or service -> its container."""


def start(
    config: Config, settings: EndToEnd, images: Sequence[Image], network: "Network", stack: ExitStack
) -> tuple[App, dict[str, str]]:
    """Starts everything and waits until each component is healthy; with it what services set in the environment of all others.

    Raises `ReleaseRefused` that says what did not come, and why.
    """
    for image in images:
        have(image.reference)
    beside = stack.enter_context(started(settings.services, network, config.postgres, Limits()))
    database = stack.enter_context(postgres(network, config.postgres))
    env = {**beside.env, DATABASE: database.url}
    for image in images:
        if command := config.components[image.component].run.migrate:
            _run(config, image, command, "migration", network, env)
    for image in images:
        if command := settings.seed.get(image.component):
            _run(config, image, command, "seed", network, env)
    app: App = {}
    for image in images:
        own = under(config.components[image.component].run.env, env)
        app[image.component] = stack.enter_context(running(image.reference, network, alias=image.component, env=own))
    for name, container in app.items():
        _wait_until_healthy(config, name, container, network)
    return app | beside.containers, beside.env


def _run(config: Config, image: Image, command: str, what: str, network: "Network", env: dict[str, str]) -> None:
    """A command in a component's image that must end with 0 before the app begins."""
    ended = run_command(
        image.reference,
        command,
        network,
        name=f"{image.component}-{what}",
        timeout_seconds=COMMAND_SECONDS,
        env=under(config.components[image.component].run.env, env),
    )
    if ended.exit_code:
        ending = "was stopped at its time limit" if ended.timed_out else f"ended with exit code {ended.exit_code}"
        raise ReleaseRefused.because(
            f"e2e: the {what} {ending}\n" + "\n".join(f"    {line}" for line in ended.tail),
            f"{image.component}, `{command}` on an {'empty' if what == 'migration' else 'empty, migrated'} database",
            f"mend the {what}, then push again",
        )


def _wait_until_healthy(config: Config, name: str, container: "Container", network: "Network") -> None:
    import httpx

    run, seen = config.components[name].run, "nothing yet"
    deadline = time.monotonic() + run.starts_within
    while time.monotonic() < deadline:
        container.reload()
        if container.status != "running":
            seen = f"its container is {container.status}"
            break
        try:
            # A proxy of this worker's does not reach a network of this machine.
            url = f"http://{address(container, network)}:{run.port}{run.health}"
            answer = httpx.get(url, timeout=5, trust_env=False)
            if answer.is_success:
                return
            seen = f"HTTP {answer.status_code}"
        except httpx.RequestError as error:
            seen = str(error) or type(error).__name__
        time.sleep(0.2)
    raise ReleaseRefused(
        Reason(
            what=f"e2e: {name} did not become healthy: {seen}",
            where=f"port {run.port}, {run.health}",
            next_step=f"see its last lines; if it is only slow, raise components.{name}.run.starts_within",
        ),
        *last_lines({name: container}),
    )


def last_lines(app: App) -> list[Reason]:
    """What each container said last, as a reason to read."""
    return [
        Reason(what=f"e2e: the last lines of {name}\n" + "\n".join(f"    {line}" for line in _lines(c, LAST_LINES)))
        for name, c in app.items()
    ]


def keep_lines(app: App, folder: Path) -> None:
    """Writes what each container said last into `NAME.log`."""
    for name, container in app.items():
        (folder / f"{name}.log").write_text("".join(f"{line}\n" for line in _lines(container, KEPT_LINES)))


def _lines(container: "Container", number: int) -> list[str]:
    """The last lines; of one that said very long ones their beginnings."""
    text = container.logs(tail=number, timestamps=number == KEPT_LINES).decode(errors="replace")
    return [printable(line)[:4000] for line in text.splitlines()]  # masked before it is cut
