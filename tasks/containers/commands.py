"""One command in a container of its own, from its start to its end."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.containers.engine import quietly
from tasks.containers.files import copy_out, tar
from tasks.containers.lifetime import created, start
from tasks.failpoints import reach
from tasks.models import Value
from tasks.output import follow

if TYPE_CHECKING:
    from docker.models.networks import Network


class Ended(Value):
    """How a container's command ended."""

    exit_code: int
    tail: tuple[str, ...]
    timed_out: bool = False


def run_command(
    image: str,
    command: str,
    network: "Network",
    *,
    name: str,
    env: Mapping[str, str],
    timeout_seconds: float,
    log_file: Path | None = None,
    take: Mapping[str, Path] | None = None,
    put: Mapping[str, bytes] | None = None,
) -> Ended:
    """Runs `sh -c command` in a container of its own and streams each line into the log as `name: line`.

    `put` places files (absolute path in the container -> contents) before the start, `take` copies paths out
    afterwards (path -> file or folder here); one that is not there is left out. Nothing of this process's
    environment reaches the container.
    """
    with created(image, network, alias=name, env=env, command=["sh", "-c", command]) as container:
        for path, content in (put or {}).items():
            container.put_archive(str(Path(path).parent), tar(Path(path).name, content))
        start(container)
        expired = threading.Event()
        timer = threading.Timer(timeout_seconds, lambda: (expired.set(), quietly(container.kill)))
        timer.daemon = True
        timer.start()
        try:
            tail = follow(container.logs(stream=True, follow=True), name, log_file)
            code = container.wait()["StatusCode"]
        finally:
            timer.cancel()
        reach("container:ended")
        for path, destination in (take or {}).items():
            copy_out(container, path, destination)
    return Ended(exit_code=code, tail=tail, timed_out=expired.is_set())
