"""A server of any image beside a suite, from its start until it is ready."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.config.suites import Limits, Service
from tasks.containers.engine import engine, have
from tasks.containers.lifetime import running
from tasks.errors import ReleaseRefused
from tasks.output import printable

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

READY_SECONDS = 60
LAST_LINES = 10


@contextmanager
def serving(network: "Network", service: Service, limits: Limits) -> Iterator["Container"]:
    """The service on the network by its name, once it is ready.

    Raises `ReleaseRefused` with its last lines when it ends, or is not ready after a minute.
    """
    have(service.image)
    with running(service.image, network, alias=service.name, env=service.env, limits=limits) as container:
        container.reload()
        _wait_until_ready(container, service, address(container, network))
        yield container


def address(container: "Container", network: "Network") -> str:
    """Where this process reaches a running container."""
    return str(container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"])


def last_lines(container: "Container", number: int = LAST_LINES) -> str:
    """The end of what a server said, indented, fit for a reason."""
    text = container.logs(tail=number).decode(errors="replace")
    return "\n".join(f"    {printable(line)}" for line in text.splitlines())


def state(container: "Container") -> str:
    """How it is now, in words: `is running`, or `ended with exit code 1`."""
    container.reload()
    if container.status in ("running", "created"):
        return f"is {container.status}"
    return f"ended with exit code {container.attrs['State']['ExitCode']}"


def _wait_until_ready(container: "Container", service: Service, host: str) -> None:
    deadline, seen = time.monotonic() + READY_SECONDS, ""
    while time.monotonic() < deadline and (now := state(container)) == "is running":
        seen = _unready(container, service, host, deadline)
        if not seen:
            return
        time.sleep(0.2)
    seen = now if now != "is running" else f"{seen} after {READY_SECONDS} s"
    raise ReleaseRefused.because(
        f"the service {service.name} was not ready: {seen}\n{last_lines(container)}",
        service.image,
        "mend its env, port or ready in release.yaml; try the image by hand",
    )


def _unready(container: "Container", service: Service, host: str, deadline: float) -> str:
    """Why it is not ready yet; empty once it is."""
    if service.ready:
        code = _exit_code(container, service.ready, deadline)
        return "" if code == 0 else f"`{service.ready}` " + ("has not ended" if code is None else f"ended with {code}")
    try:
        socket.create_connection((host, service.port), timeout=2).close()
    except OSError as error:
        return f"port {service.port}: {error}"
    return ""


def _exit_code(container: "Container", command: str, deadline: float) -> int | None:
    """What a command in the container ended with; None when it has not ended in time."""
    from docker.errors import APIError

    api = engine().api
    try:
        begun = api.exec_create(container.id, ["sh", "-c", command], stdout=False, stderr=False)["Id"]
        api.exec_start(begun, detach=True)
        while (told := api.exec_inspect(begun))["Running"] and time.monotonic() < deadline:
            time.sleep(0.1)
    except APIError:  # the container ended meanwhile
        return None
    return None if told["Running"] else told["ExitCode"]
