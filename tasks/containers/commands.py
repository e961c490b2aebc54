"""One command in a container of its own, from its start to its end."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.config.suites import Limits
from tasks.containers import files
from tasks.containers.engine import quietly
from tasks.containers.lifetime import created, start
from tasks.containers.limits import breached, out_of_memory, overfull
from tasks.containers.watch import Breach, Watch, size
from tasks.failpoints import reach
from tasks.models import Value
from tasks.output import follow

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

DEFAULT = Limits()


class Ended(Value):
    """How a command ended, in a container or on the host."""

    exit_code: int
    tail: tuple[str, ...]
    breach: Breach | None = None
    left_out: tuple[str, ...] = ()

    @property
    def timed_out(self) -> bool:
        """Whether its time limit ended it."""
        return self.breach is not None and self.breach.limit == "timeout"


def run_command(
    image: str,
    command: str,
    network: "Network",
    *,
    name: str,
    env: Mapping[str, str],
    timeout_seconds: float,
    limits: Limits = DEFAULT,
    log_file: Path | None = None,
    take: Mapping[str, Path] | None = None,
    put: Mapping[str, bytes] | None = None,
    lay: Mapping[str, bytes] | None = None,
) -> Ended:
    """Runs `sh -c command` in a container of its own and streams each line into the log as `name: line`.

    `put` places files (absolute path in the container -> contents) before the start, and `lay` what archives hold (path ->
    archive with the path's last name); `take` copies paths out
    afterwards (path -> file or folder here); one that is not there is left out, one that is too large stands in
    `left_out`. Nothing of this process's environment reaches the container. Over a limit it is killed, see `breach`.
    """
    argv = ["sh", "-c", command]
    with created(image, network, alias=name, env=env, command=argv, limits=limits, alone=True) as container:
        for path, content in (put or {}).items():
            container.put_archive(str(Path(path).parent), files.tar(Path(path).name, content))
        for path, archive in (lay or {}).items():
            files.lay(container, path, archive)
        with closing(container.attach_socket(params={"stdout": 1, "stderr": 1, "stream": 1})) as said:
            start(container)
            with Watch(
                timeout_seconds, lambda: breached(container, network, limits), lambda: quietly(container.kill)
            ) as watch:
                tail = follow(watch.counted(_chunks(said), limits.output), name, log_file)
                code = container.wait()["StatusCode"]
        reach("container:ended")
        breach = watch.breach or (_breach_at_end(container, network, limits) if code else None)
        left_out = [path for path, place in (take or {}).items() if not files.copy_out(container, path, place)]
    return Ended(exit_code=code, tail=tail, breach=breach, left_out=tuple(left_out))


def _chunks(said: Any) -> Iterator[bytes]:
    """What the container says, both streams in order. The Engine waits when nobody reads: nothing is kept anywhere."""
    from docker.utils.socket import frames_iter

    return (chunk for _, chunk in frames_iter(said, tty=False))


def _breach_at_end(container: "Container", network: "Network", limits: Limits) -> Breach | None:
    """What the Engine itself refused it; the command has ended with an error of its own because of that."""
    if out_of_memory(container):
        return Breach(limit="memory", seen=f"it needed more than {size(limits.memory)} of memory")
    return overfull(network, limits)
