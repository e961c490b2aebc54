"""Docker containers and networks that live as long as a `with` block, labelled so that what a killed run left is found.

The Engine is the real one, through its SDK; only image builds go through the docker program (`tasks/images`).
"""

import io
import logging
import os
import queue
import secrets
import tarfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.failpoints import reach
from tasks.models import Value
from tasks.output import TAIL_LINES, follow, printable
from tasks.secrets.masking import mask_bytes

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container
    from docker.models.networks import Network

log = logging.getLogger(__name__)
RUN_LABEL = "slipway.run"
READY_SECONDS = 60
MEMORY_LIMIT = "3g"
PROCESS_LIMIT = 2048


class Ended(Value):
    """How a container's command ended."""

    exit_code: int
    tail: tuple[str, ...]
    timed_out: bool = False


class Database(Value):
    """A PostgreSQL of our own, with its address for containers beside it and for this process."""

    url: str
    host_url: str
    container: str


@cache
def engine() -> "docker.DockerClient":
    """The Docker Engine. Raises `ServiceUnavailable` saying where it was looked for and how to start it."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        raise ServiceUnavailable.because(
            f"no Docker Engine: {error}", where, "start it (`systemctl start docker`, or `dockerd`), or set DOCKER_HOST"
        ) from error
    return client


def run_id() -> str:
    """What containers of this run are labelled with: the Prefect flow run, or this process outside of one."""
    return os.environ.get("PREFECT__FLOW_RUN_ID") or f"process-{os.getpid()}"


def have(image: str) -> None:
    """Pulls the image unless this Engine has it. Raises `ServiceUnavailable` when the registry does not hand it out."""
    from docker.errors import APIError, ImageNotFound

    try:
        engine().images.get(image)
    except ImageNotFound:
        try:
            engine().images.pull(image)
        except APIError as error:
            raise ServiceUnavailable.because(
                f"cannot be pulled: {error.explanation or error}", image, "check the registry"
            ) from error


@contextmanager
def private_network(purpose: str) -> Iterator["Network"]:
    """A network without a way out, for one suite or check; gone at the end of the block.

    Raises `ServiceUnavailable` when the Engine has no addresses left for it.
    """
    network = _create_network(f"slipway-{purpose}-{secrets.token_hex(4)}")
    reach("network:made")
    try:
        yield network
    finally:
        _quietly(network.remove)
        reach("network:removed")


def _create_network(name: str) -> "Network":
    from docker.errors import APIError

    try:
        return engine().networks.create(name, driver="bridge", internal=True, labels={RUN_LABEL: run_id()})
    except APIError as error:
        raise ServiceUnavailable.because(
            f"a private network cannot be made: {error.explanation or error}",
            name,
            "`docker network prune` removes those that nobody uses; for more than some thirty at once set "
            "default-address-pools in the Engine's daemon.json",
        ) from error


@contextmanager
def running(
    image: str,
    network: "Network",
    *,
    alias: str,
    env: Mapping[str, str] | None = None,
    command: list[str] | None = None,
    tmpfs: Mapping[str, str] | None = None,
) -> Iterator["Container"]:
    """A container that serves beside others under `alias`; killed and removed at the end of the block."""
    with _created(image, network, alias=alias, env=env, command=command, tmpfs=tmpfs) as container:
        _start(container)
        yield container


@contextmanager
def _created(
    image: str,
    network: "Network",
    *,
    alias: str,
    env: Mapping[str, str] | None,
    command: list[str] | None,
    tmpfs: Mapping[str, str] | None = None,
    stdin: bool = False,
) -> Iterator["Container"]:
    from docker.errors import APIError, ImageNotFound

    client = engine()
    try:
        container = client.containers.create(
            image,
            command,
            environment=dict(env or {}),
            labels={RUN_LABEL: run_id()},
            network=network.name,
            networking_config={network.name: client.api.create_endpoint_config(aliases=[alias])},
            tmpfs=dict(tmpfs or {}),
            mem_limit=MEMORY_LIMIT,
            pids_limit=PROCESS_LIMIT,
            shm_size="256m",
            stdin_open=stdin,
        )
    except ImageNotFound as error:
        raise ReleaseRefused.because(
            f"there is no image {image}",
            "the Docker Engine of this worker",
            f"docker pull {image}, or correct the name in release.yaml",
        ) from error
    except APIError as error:
        raise ServiceUnavailable.because(
            f"a container could not be made: {error}", image, "see the Docker Engine's log"
        ) from error
    reach("container:made")
    try:
        yield container
    finally:
        _quietly(lambda: container.remove(force=True, v=True))
        reach("container:removed")


def _start(container: "Container") -> None:
    from docker.errors import APIError

    try:
        container.start()
    except APIError as error:
        raise ReleaseRefused.because(
            f"a container did not start: {error.explanation or error}",
            str(container.image),
            "mend its command or its user",
        ) from error
    reach("container:started")


@contextmanager
def postgres(network: "Network", image: str) -> Iterator[Database]:
    """An empty PostgreSQL on the network as `postgres`, in memory and without fsync: quick, and gone afterwards."""
    password = secrets.token_hex(12)
    env = {"POSTGRES_PASSWORD": password, "POSTGRES_USER": "app", "POSTGRES_DB": "app", "PGDATA": "/scratch/data"}
    command = ["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    with running(
        image, network, alias="postgres", env=env, command=command, tmpfs={"/scratch": "mode=1777"}
    ) as container:
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
        database = Database(
            url=f"postgresql://app:{password}@postgres:5432/app",
            host_url=f"postgresql://app:{password}@{address}:5432/app",
            container=container.id,
        )
        _wait_for_postgres(container, database)
        reach("postgres:ready")
        yield database


def _wait_for_postgres(container: "Container", database: Database) -> None:
    import psycopg

    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            psycopg.connect(database.host_url, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            container.reload()
            if container.status == "exited" or time.monotonic() > deadline:
                last = container.logs(tail=10).decode(errors="replace")
                raise ServiceUnavailable.because(
                    f"PostgreSQL did not start: {error}\n{last}", str(container.image), "try the image by hand"
                ) from error
            time.sleep(0.1)


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
    with _created(image, network, alias=name, env=env, command=["sh", "-c", command]) as container:
        for path, content in (put or {}).items():
            container.put_archive(str(Path(path).parent), _tar(Path(path).name, content))
        _start(container)
        expired = threading.Event()
        timer = threading.Timer(timeout_seconds, lambda: (expired.set(), _quietly(container.kill)))
        timer.daemon = True
        timer.start()
        try:
            tail = follow(container.logs(stream=True, follow=True), name, log_file)
            code = container.wait()["StatusCode"]
        finally:
            timer.cancel()
        reach("container:ended")
        for path, destination in (take or {}).items():
            _copy_out(container, path, destination)
    return Ended(exit_code=code, tail=tail, timed_out=expired.is_set())


class Conversing:
    """A container that is spoken with: lines to its standard input, lines from its standard output."""

    def __init__(self, container: "Container") -> None:
        self._container = container
        self._socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        self._lines: queue.Queue[str] = queue.Queue()
        self._words: deque[str] = deque(maxlen=TAIL_LINES)
        _start(container)
        threading.Thread(target=self._follow, daemon=True).start()

    def write(self, text: str) -> None:
        """Hands it a line; that it has ended is told by `readline`."""
        with suppress(OSError):
            self._socket._sock.sendall(text.encode())

    def readline(self, seconds: float) -> str:
        """Its next line; '' when it has ended, or said nothing for so long."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            _quietly(self._container.kill)
            return ""

    def ended(self) -> str:
        """How it ended, with the last lines of its standard error."""
        code = self._container.wait()["StatusCode"]
        return "\n".join([f"ended with exit code {code}", *self._words])

    def _follow(self) -> None:
        from docker.utils.socket import STDOUT, frames_iter

        answer = b""
        for stream, chunk in frames_iter(self._socket, tty=False):
            if stream != STDOUT:
                self._words.extend(printable(line) for line in chunk[-8000:].decode(errors="replace").splitlines())
                continue
            *lines, answer = (answer + chunk).split(b"\n")
            for line in lines:
                self._lines.put(line.decode())
        self._lines.put("")


@contextmanager
def conversing(
    image: str, argv: list[str], network: "Network", *, name: str, put: Mapping[str, bytes]
) -> Iterator[Conversing]:
    """A container on the network whose command is spoken with; `put` places files (absolute path -> contents) before the start."""
    with _created(image, network, alias=name, env={}, command=argv, stdin=True) as container:
        for path, content in put.items():
            container.put_archive(str(Path(path).parent), _tar(Path(path).name, content))
        yield Conversing(container)


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _copy_out(container: "Container", path: str, destination: Path) -> None:
    from docker.errors import NotFound

    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return
    buffer = io.BytesIO(b"".join(chunks))
    with tarfile.open(fileobj=buffer) as archive:
        for member in archive.getmembers():
            if member.isfile() and (source := archive.extractfile(member)):
                inner = Path(*Path(member.name).parts[1:])
                target = destination / inner if inner.parts else destination
                if destination.resolve() in (target.resolve(), *target.resolve().parents):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(mask_bytes(source.read()))  # it stays in the Slipway home


def labelled_runs() -> set[str]:
    """Every run that has a container or network on this Engine."""
    client, label = engine(), {"label": RUN_LABEL}
    # Another run may be removing its own at this moment: nothing is asked about a single container.
    labels = [c["Labels"] for c in client.api.containers(all=True, filters=label)]
    labels += [n["Labels"] for n in client.api.networks(filters=label)]
    return {found[RUN_LABEL] for found in labels}


def remove_leftovers(run: str) -> int:
    """Removes every container and network that carries this run's label; returns how many there were."""
    client, label = engine(), {"label": f"{RUN_LABEL}={run}"}
    containers = client.containers.list(all=True, filters=label, ignore_removed=True)
    networks = client.networks.list(filters=label)
    for container in containers:
        _quietly(lambda c=container: c.remove(force=True, v=True))
    for network in networks:
        _quietly(network.remove)
    return len(containers) + len(networks)


def _quietly(clean_up: Callable[[], object]) -> None:
    """Cleaning up must not hide why it was needed; what stays is logged and found by its label."""
    from docker.errors import DockerException, NotFound

    try:
        clean_up()
    except NotFound:
        return
    except DockerException as error:
        log.warning("left behind: %s", error)
