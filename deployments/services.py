"""Real servers as child processes, each with a log, a wait until it is ready, and an end that leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.containers import engine
from tasks.errors import ServiceUnavailable

PROJECT = Path(__file__).parents[1]
READY_SECONDS = 90
# An Engine's own default is some thirty networks; each suite, check and customer of the demo has one.
ADDRESSES = ("--default-address-pool", "base=172.16.0.0/12,size=24")
STOP_SECONDS = 20
TAIL_BYTES = 3000
# What a server of ours may see of this process's environment.
PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TERM", "TMPDIR", "DOCKER_HOST", "DOCKER_CONFIG", "SSL_CERT_FILE")


class Server:
    """One started process; `wait_ready` once it is needed."""

    def __init__(
        self, name: str, argv: Sequence[str], log_file: Path, env: Mapping[str, str], ready: Callable[[], bool]
    ) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.log_file, self.ready = name, log_file, ready
        with log_file.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is ours to handle, and the whole group ends together.
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                cwd=PROJECT,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Returns when the server answers. Raises `ServiceUnavailable` with the end of its log."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log_file.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
                ended = f"ended with {self.process.poll()}" if self.process.poll() is not None else "did not get ready"
                raise ServiceUnavailable.because(
                    f"{self.name} {ended}:\n{tail}", str(self.log_file), "mend what the log says"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends the process and its group: asked first, killed after a while."""
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(seconds)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


@contextmanager
def serving(
    name: str, argv: Sequence[str], log_file: Path, env: Mapping[str, str], ready: Callable[[], bool]
) -> Iterator[Server]:
    """A server for the length of a block; it may still be starting when the block begins."""
    server = Server(name, argv, log_file, env, ready)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def docker_engine(folder: Path) -> Iterator[None]:
    """The Docker Engine that is there, or one of our own for the length of the block (root, no service manager)."""
    if _engine_answers():
        yield
        return
    program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not program or os.geteuid() != 0:
        engine()  # says where it was looked for and how to start it
    with serving(
        "dockerd", [program or "dockerd", *ADDRESSES], folder / "dockerd.log", environment(), _engine_answers
    ) as server:
        server.wait_ready()
        yield


@contextmanager
def registry(folder: Path, port: int) -> Iterator[Server]:
    """An image registry on this machine: Debian's program, else the official image."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    config.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "http": {"addr": f"127.0.0.1:{port}"},
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            }
        )
    )
    if program := shutil.which("docker-registry"):
        argv = [program, "serve", str(config)]
    else:
        argv = [
            "docker",
            "run",
            "--rm",
            "--publish",
            f"127.0.0.1:{port}:5000",
            "--volume",
            f"{folder / 'data'}:/var/lib/registry",
            "registry:2",
        ]
    with serving(
        "registry", argv, folder / "registry.log", environment(), lambda: answers(f"http://127.0.0.1:{port}/v2/")
    ) as server:
        yield server


@contextmanager
def prefect_server(folder: Path, port: int, **settings: str) -> Iterator[Server]:
    """A Prefect server with its own database in `folder`, unless `settings` (its environment) name another. Telemetry and everything that calls out is off."""
    env = environment(
        PREFECT_HOME=str(folder),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_SERVER_UI_V2_ENABLED="false",
        # Without it the UI's pages ask port 4200, whatever port they come from.
        PREFECT_SERVER_UI_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
        # In memory a restart of the server would crash running releases and leak their slots.
        PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE="prefect.server.concurrency.lease_storage.filesystem",
        PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS="5",
        **settings,
    )
    argv = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with serving(
        "Prefect server", argv, folder / "server.log", env, lambda: answers(f"http://127.0.0.1:{port}/api/ready")
    ) as server:
        yield server


def worker_environment(folder: Path, port: int, home: Path, config: Path) -> dict[str, str]:
    """What the worker, and so each flow process, is given."""
    return environment(
        PREFECT_HOME=str(folder),
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_WORKER_QUERY_SECONDS="1",
        PREFECT_LOGGING_EXTRA_LOGGERS="tasks",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY="30",
        PREFECT_RESULTS_LOCAL_STORAGE_PATH=str(folder / "results"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        SLIPWAY_HOME=str(home),
        SLIPWAY_CONFIG=str(config),
        SLIPWAY_PROJECT=str(PROJECT),
    )


def deploy(env: Mapping[str, str]) -> None:
    """Makes the work pool and the deployments of prefect.yaml; doing it again changes nothing."""
    for arguments in (
        ["work-pool", "create", "slipway", "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--all"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=dict(env),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceUnavailable.because(
                f"prefect {' '.join(arguments)} ended with exit code {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}",
                env["PREFECT_API_URL"],
                "mend what it says",
            )


@contextmanager
def worker(env: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """A process worker of the pool `slipway`."""
    argv = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        "slipway",
        "--name",
        "slipway",
        "--type",
        "process",
    ]
    log_file = folder / "worker.log"
    log_file.unlink(missing_ok=True)
    with serving("worker", argv, log_file, env, lambda: b"started!" in log_file.read_bytes()) as server:
        yield server


@contextmanager
def receiver(env: Mapping[str, str], folder: Path, port: int) -> Iterator[Server]:
    """The webhook receiver."""
    argv = [
        sys.executable,
        "-m",
        "deployments",
        "serve",
        "--port",
        str(port),
    ]
    with serving(
        "receiver", argv, folder / "receiver.log", env, lambda: answers(f"http://127.0.0.1:{port}/health")
    ) as server:
        yield server


def environment(**more: str) -> dict[str, str]:
    """A small environment for a server of ours; dockerd looks for iptables where only root's PATH may lead."""
    given = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
    path = f"{given.get('PATH', '/usr/local/bin:/usr/bin:/bin')}:/usr/sbin:/sbin"
    return {**given, "PATH": path, "PYTHONUNBUFFERED": "1", **more}


def answers(url: str) -> bool:
    """Whether a server answers 2xx there now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return answer.status < 300
    except OSError:
        return False


def free_port(preferred: int) -> int:
    """The preferred port of 127.0.0.1, or the next one that nobody listens on."""
    for port in range(preferred, preferred + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceUnavailable.because(f"no free port from {preferred} on", "127.0.0.1", "stop what listens there")


def _engine_answers() -> bool:
    engine.cache_clear()
    try:
        engine()
    except ServiceUnavailable:
        return False
    return True
