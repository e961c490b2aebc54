"""The dashboard as a child process, and texts that want to be more than text."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments import services
from tests.ports import free_port

HOSTILE = '</code><script>alert(1)</script><img src=x onerror=alert(1)> & "quotes" \''
LONG = "a-customer-with-the-longest-name-that-a-dns-label-can-have-0123"


@contextmanager
def served(folder: Path, config: Any, **environment: str) -> Iterator[str]:
    """The address of the dashboard, started as people start it."""
    path, port = folder / "release.yaml", free_port(4900)
    path.write_text(config.model_dump_json(exclude_defaults=True, by_alias=True))
    env = services.environment(SLIPWAY_CONFIG=str(path), SLIPWAY_HOME=str(folder / "home"), **environment)
    argv = [sys.executable, "-m", "deployments", "dashboard", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with services.serving(
        "dashboard", argv, folder / "dashboard.log", env, lambda: services.answers(f"{address}/shop.json")
    ) as server:
        server.wait_ready()
        yield address
