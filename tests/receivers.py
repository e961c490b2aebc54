"""A receiver with one app for each sender, as a process of its own, and ways to send to it."""

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deployments import services
from tests.deliveries import REPOSITORY, SECRET, Sent
from tests.ports import free_port

CONFIG = Path(__file__).parent / "tasks" / "config" / "release.yaml"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def write_config(folder: Path, name: str, url: str, provider: str, **webhook: Any) -> Path:
    """A release.yaml whose webhook has a secret file and a deployment of its own."""
    secret = folder / f"{name}.secret"
    secret.write_text(SECRET)
    document = yaml.safe_load(CONFIG.read_text())
    document["app"] = {"name": name, "repository": url}
    document["webhook"] = {
        "provider": provider,
        "repository": REPOSITORY,
        "secret_file": str(secret),
        "deployment": f"release/{name}",
        "poll": 0,
        **webhook,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def serving(folder: Path, configs: list[Path], prefect: str, home: Path) -> Iterator[tuple[services.Server, int]]:
    """A receiver of these apps that hands runs to this Prefect server."""
    port = free_port(8190)
    env = services.environment(
        SLIPWAY_CONFIG=":".join(map(str, configs)),
        SLIPWAY_HOME=str(home),
        PREFECT_API_URL=prefect,
        PREFECT_HOME=str(folder / "prefect-client"),
    )
    with services.receiver(env, folder, port) as server:
        server.wait_ready()
        yield server, port


def send(port: int, path: str, sent: Sent, method: str = "POST", timeout: float = 30) -> Answer:
    """One request on a connection of its own, its headers exactly as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    began = time.monotonic()
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in sent.headers:
            connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(sent.body)))
        # A refusal may come before all is sent; a client reads it then (RFC 9112, 9.5).
        with suppress(ConnectionError):
            connection.endheaders(sent.body)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read(), time.monotonic() - began)
    finally:
        connection.close()


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Waits until something is true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
    return found
