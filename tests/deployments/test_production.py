"""The compose file on a real Engine: a release goes through it while worker and server are killed and the database is restored."""

import hashlib
import hmac
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tasks import containers
from tests.ports import free_port

HERE, ROOT = Path(__file__).parent / "production", Path(__file__).parents[2]
SECRET = "a secret of the tests"
HOOK = "/hooks/tiny"
NO_DIGEST = "sha256:" + "0" * 64
SECONDS = 300
IMAGES = {
    "POSTGRES_IMAGE": "postgres:17",
    "CADDY_IMAGE": "slipway-test/caddy",
    "DOCKER_IMAGE": "slipway-test/engine",
    "PYTHON_IMAGE": "python:3.13-slim",
    "REGISTRY_IMAGE": "slipway-test/registry",
}
APP = {
    "api/Dockerfile": (
        "FROM python:3.13-slim AS test\nCOPY main.py .\nFROM test AS production\nARG COMMIT\nENV COMMIT=$COMMIT\n"
    ),
    "api/main.py": "print('tiny')\n",
}


class Customers:
    """Answers each customer's version at `/NAME/version`, as far as somebody has rolled it out."""

    def __init__(self, address: str) -> None:
        runs = self.runs = dict[str, str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"commit": runs.get(self.path.split("/")[1], "none")}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Production:
    """The stack, and ways to act on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, f"slipway-test-{os.getpid()}"
        self.ui, self.public, self.tls, self.receiver, self.registry = (free_port(14200 + 20 * n) for n in range(5))

    def run(self, program: str, *arguments: str, tags: str = "1") -> subprocess.CompletedProcess[bytes]:
        """A program of deployments/, here or, where there is no Docker Compose, in a container that has it."""
        env = {
            "SLIPWAY_PRODUCTION": str(self.folder),
            "SLIPWAY_ALLOW_TAGS": tags,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROFILES": "registry",
        }
        argv = [str(ROOT / "deployments" / program), *arguments]
        if not has_compose():
            mounts = ("/var/run/docker.sock", f"{ROOT}:{ROOT}:ro", str(self.folder))
            options = [o for m in mounts for o in ("--volume", m if ":" in m else f"{m}:{m}")]
            options += [o for k, v in env.items() for o in ("--env", f"{k}={v}")]
            argv = [
                "docker",
                "run",
                "--rm",
                "--interactive",
                "--network",
                "none",
                *options,
                "slipway-test/compose",
                *argv,
            ]
        return subprocess.run(argv, capture_output=True, env={**os.environ, **env}, timeout=900, check=False)

    def must(self, program: str, *arguments: str) -> str:
        done = self.run(program, *arguments)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4000:]
        return done.stdout.decode()

    def container(self, service: str) -> Any:
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        return containers.engine().containers.list(all=True, filters={"label": labels}, ignore_removed=True)[0]

    def kill(self, service: str) -> None:
        """kill -9 of every process; returns once Docker has started it again and it is healthy."""
        before = self.container(service).attrs["State"]["StartedAt"]
        self.container(service).exec_run(
            ["sh", "-c", "kill -9 -1"]
        )  # as its user: not even root may kill another's here

        def back() -> bool:
            state = self.container(service).attrs["State"]
            return state["StartedAt"] != before and state.get("Health", {}).get("Status") == "healthy"

        wait_for(back, f"{service} is back")


def has_compose() -> bool:
    """Whether this machine's Docker has a Compose that reads the file."""
    if not shutil.which("docker"):
        return False
    done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    parts = done.stdout.strip().removeprefix("v").split(".")
    return done.returncode == 0 and (int(parts[0]), int(parts[1])) >= (2, 24)


def wait_for(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def address(base_images: None) -> Iterator[str]:
    """This machine as containers of every network reach it."""
    network = containers.engine().networks.create(f"slipway-test-{os.getpid()}-address", driver="bridge")
    network.reload()
    yield network.attrs["IPAM"]["Config"][0]["Gateway"]
    network.remove()


@pytest.fixture(scope="module")
def customers(address: str) -> Iterator[Customers]:
    made = Customers(address)
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory, customers: Customers, address: str) -> Iterator[Production]:
    """The whole compose file, up and healthy, with a small app and two customers."""
    folder = tmp_path_factory.mktemp("production")
    for target in ("compose", "engine", "caddy", "registry"):
        build(target)
    stack = Production(folder)
    with git_daemon(tmp_path_factory.mktemp("git"), address) as base:
        configure(stack, base, customers)
        try:
            stack.must("up")
            load_base_image(stack)
            stack.base = base
            yield stack
        finally:
            stack.run("up", "--compose", "down", "--volumes", "--timeout", "1")


def build(target: str) -> None:
    from tasks.images import builder

    argv = [
        builder.find().program,
        "build",
        "--quiet",
        "--target",
        target,
        "--tag",
        f"slipway-test/{target}",
        str(HERE),
    ]
    subprocess.run(argv, env=builder.environment(builder.find()), check=True, capture_output=True)


def load_base_image(stack: Production) -> None:
    """What the worker's Engine would pull where a registry is in reach."""
    load = [
        "docker",
        "exec",
        "--interactive",
        stack.container("engine").id,
        "docker",
        "--host=unix:///run/engine/docker.sock",
        "load",
    ]
    with subprocess.Popen(["docker", "save", "python:3.13-slim"], stdout=subprocess.PIPE) as save:
        subprocess.run(load, stdin=save.stdout, check=True, capture_output=True)


class git_daemon:  # noqa: N801 - reads as a block
    """Serves the repositories of a folder, for writing too, as `git://ADDRESS:PORT/NAME`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address

    def __enter__(self) -> str:
        for name, files in (("app", APP), ("gitops", gitops_files())):
            commit(self.folder, name, files)
        port = free_port(19418)
        argv = ["git", "daemon", "--reuseaddr", f"--listen={self.address}", f"--port={port}", "--export-all"]
        argv += ["--enable=receive-pack", f"--base-path={self.folder}", str(self.folder)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return f"git://{self.address}:{port}"

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def commit(folder: Path, name: str, files: dict[str, str]) -> None:
    work, remote = folder / f"{name}-work", folder / f"{name}.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(remote)], check=True)
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(work)], check=True)
    for path, text in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    identity = ["-c", "user.name=Kari", "-c", "user.email=kari@example.no", "-c", "commit.gpgsign=false"]
    for arguments in (["add", "--all"], ["commit", "--quiet", "-m", name], ["push", "--quiet", str(remote), "main"]):
        subprocess.run(["git", *identity, *arguments], cwd=work, check=True)


def gitops_files() -> dict[str, str]:
    return {
        f"{c}/deployment.yaml": f"spec: {{image: 'registry:5000/tiny/api@{NO_DIGEST}'}}\n" for c in ("dal", "fjord")
    }


def configure(stack: Production, base: str, customers: Customers) -> None:
    host, port = customers.server.server_address[:2]
    settings = {
        "app": {"name": "tiny", "repository": f"{base}/app.git"},
        "webhook": {"provider": "github", "repository": "team/tiny", "secret_file": "/run/slipway/webhook"},
        "components": {
            "api": {
                "path": "api",
                "image": "registry:5000/tiny/api",
                "suites": {"unit": {"run": "python main.py"}},
                "run": {"port": 8080},
            }
        },
        "gitops": {
            "repository": f"{base}/gitops.git",
            "targets": {"api": [{"file": "{customer}/deployment.yaml", "path": "spec.image"}]},
        },
        "rings": [{"name": "canary", "customers": ["fjord"]}, {"name": "all", "customers": "*", "approve": True}],
        "rollout": {"url": f"http://{host}:{port}/{{customer}}", "versions": {"api": "/version"}, "timeout": "10m"},
    }
    (stack.folder / "release.yaml").write_text(yaml.safe_dump(settings))
    shutil.copy(HERE / "compose.override.yaml", stack.folder)
    (stack.folder / "images.env").write_text("".join(f"{k}={v}\n" for k, v in IMAGES.items()))
    local = {"PREFECT_UI": stack.ui, "RECEIVER_UI": stack.receiver, "SLIPWAY_HTTP": stack.public}
    local |= {"SLIPWAY_HTTPS": stack.tls, "REGISTRY": stack.registry}
    lines = [f"{k}=127.0.0.1:{v}" for k, v in local.items()]
    lines += ["SLIPWAY_ADDRESS=http://:8080", "REGISTRY_AUTH=none", "SLIPWAY_DRAIN_SECONDS=5"]
    (stack.folder / "settings.env").write_text("\n".join(lines) + "\n")
    stack.must("up", "--check")  # makes the folder of secrets
    (stack.folder / "secrets" / "app" / "webhook").write_text(SECRET)


@pytest.fixture(scope="module")
def client(production: Production) -> Iterator[Any]:
    """A client of the stack's Prefect server, with its credentials."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    credentials = (production.folder / "secrets" / "prefect-auth").read_text().strip()
    url = f"http://127.0.0.1:{production.ui}/api"
    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: credentials}),
        get_client(sync_client=True) as made,
    ):
        yield made


def deliver(production: Production, pushed: str) -> httpx.Response:
    """A push as the forge tells it, through the proxy."""
    push = {"ref": "refs/heads/main", "after": pushed, "repository": {"full_name": "team/tiny"}}
    body = json.dumps(push).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-Hub-Signature-256": signature}
    return httpx.post(f"http://127.0.0.1:{production.public}{HOOK}", content=body, headers=headers, timeout=30)


def gitops(production: Production, customer: str) -> str:
    """The customer's file at the tip of the GitOps repository."""
    folder = production.folder / "look"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", f"{production.base}/gitops.git", str(folder)], check=True)
    return (folder / customer / "deployment.yaml").read_text()


def test_up_refuses_what_is_not_complete_and_keeps_what_it_has_made(tmp_path: Path, base_images: None) -> None:
    build("compose")
    stack = Production(tmp_path / "production")
    stack.folder.mkdir()
    done = stack.run("up", "--check")
    assert done.returncode == 1
    assert b"SLIPWAY_ADDRESS" in done.stderr
    (stack.folder / "settings.env").write_text("SLIPWAY_ADDRESS=releases.example.no\n")
    assert b"there is no release.yaml" in stack.run("up", "--check").stderr
    (stack.folder / "release.yaml").write_text("{}")
    digest = "sha256:" + "1" * 64
    named = {**IMAGES, "CADDY_IMAGE": f"caddy@{digest}"}
    (stack.folder / "images.env").write_text("".join(f"{k}={v}\n" for k, v in named.items()))
    done = stack.run("up", "--check", tags="")
    assert done.returncode == 1
    assert b"without its digest" in done.stderr
    secrets = {p.name: p.read_text() for p in (stack.folder / "secrets").iterdir() if p.is_file()}
    assert set(secrets) == {"prefect-auth", "database-password", "encryption-key"}
    assert (stack.folder / "secrets").stat().st_mode & 0o077 == 0
    (stack.folder / "images.env").write_text("".join(f"{k}=x@{digest}\n" for k in named))
    assert stack.run("up", "--check", tags="").returncode == 0
    assert {p.name: p.read_text() for p in (stack.folder / "secrets").iterdir() if p.is_file()} == secrets


@pytest.mark.slow
def test_nobody_gets_in_without_credentials(production: Production, client: Any) -> None:
    api, public = f"http://127.0.0.1:{production.ui}/api", f"http://127.0.0.1:{production.public}"
    assert httpx.get(f"{api}/admin/version").status_code == 401
    assert httpx.post(f"{api}/flow_runs/filter", json={}).status_code in (401, 403)
    assert client.api_version()
    # From outside there are webhooks and signed links, nothing else; what is larger than a webhook is cut off.
    assert httpx.get(f"{public}/health").status_code == 200
    for path in ("/", "/metrics", "/api/admin/version", "/dashboard"):
        assert httpx.get(f"{public}{path}").status_code == 404, path
    # Caddy before 2.8 tells it as 502.
    assert httpx.post(f"{public}{HOOK}", content=b"x" * 3_000_000).status_code in (413, 502)
    with socket.create_connection(("127.0.0.1", production.public), timeout=60) as slow:
        slow.sendall(b"POST /hooks/tiny HTTP/1.1\r\nHost: x\r\n")
        assert b" 2" not in slow.recv(1000)  # hung up on, or 408


@pytest.mark.slow
def test_doctor_finds_nothing_wrong(production: Production) -> None:
    said = production.container("worker").exec_run(["slipway", "doctor", "--json", "--timeout", "120"], demux=True)
    found = json.loads(said.output[0])
    # Where no registry is in reach the image of the tests' database is not there, and these tests have none.
    assert [f for f in found if f["state"] == "wrong" and f["area"] != "images"] == []
    areas = {f["area"] for f in found if f["state"] == "ok"}
    assert areas >= {
        "Docker Engine",
        "Prefect server",
        "Prefect worker",
        "registry",
        "app repository",
        "GitOps repository",
    }


@pytest.mark.slow
def test_no_container_can_do_more_than_it_needs(production: Production) -> None:
    for service in ("database", "server", "worker", "receiver", "proxy", "registry", "pod"):
        host = production.container(service).attrs["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert not host["Privileged"], service
        assert host["Memory"], service
        assert not any("docker.sock" in b for b in host["Binds"] or ()), service
    for service in ("server", "worker", "receiver"):
        assert production.container(service).attrs["Config"]["User"] == "10001:10001"
        inspected = json.dumps(production.container(service).attrs)
        for name in ("prefect-auth", "database-password", "encryption-key"):
            assert (production.folder / "secrets" / name).read_text().strip() not in inspected, (service, name)
    published = {
        (binding["HostIp"], service)
        for service in ("database", "server", "worker", "receiver", "engine", "registry")
        for bindings in production.container(service).attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert not published


@pytest.mark.slow
def test_a_release_ends_right_though_everything_is_killed_once_and_the_database_is_restored(
    production: Production, client: Any, customers: Customers, tmp_path: Path
) -> None:
    argv = ["git", "ls-remote", f"{production.base}/app.git", "refs/heads/main"]
    pushed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout[:40]
    wait_for(lambda: deliver(production, pushed).status_code == 202, "the push is accepted")
    run = wait_for(lambda: [r for r in client.read_flow_runs() if "request" in r.parameters], "a run")[0].id
    state = lambda: client.read_flow_run(run).state  # noqa: E731

    # The canary's commit is written and nobody has rolled it out: the run waits.
    wait_for(lambda: NO_DIGEST not in gitops(production, "fjord") or state().is_final(), "the canary's commit")
    assert state().is_running(), state()
    production.kill("worker")
    # The receiver hears nothing of it any more, and the automation lets it begin again.
    wait_for(lambda: state().is_running() and client.read_flow_run(run).run_count > 1, "the run goes on")
    production.kill("server")
    customers.runs["fjord"] = pushed
    wait_for(lambda: state().is_paused() or state().is_final(), "the question")
    assert state().is_paused(), state()

    # The question outlives the database: saved, lost, restored.
    backup = production.folder / "backup"
    production.must("backup", str(backup))
    client.delete_flow_run(run)
    production.must("restore", str(backup))
    wait_for(lambda: client.read_flow_run(run), "the run is back")
    assert state().is_paused(), state()
    customers.runs["dal"] = pushed
    answer(client, run)
    wait_for(lambda: state().is_final(), "the end")
    assert state().is_completed(), state()
    assert NO_DIGEST not in gitops(production, "dal")


def answer(client: Any, run: Any) -> None:
    """A click on Resume with yes: the form as it is filled in, a name where one is wanted."""

    def taken() -> bool:
        keyset = client.read_flow_run(run).state.state_details.run_input_keyset
        schema = client.read_flow_run_input(run, keyset["schema"])
        fields = (json.loads(schema) if isinstance(schema, str | bytes) else schema)["properties"]
        form = {
            name: "approve" if "approve" in f.get("enum", ()) else f.get("default", "kari")
            for name, f in fields.items()
        }
        return client._client.post(f"/flow_runs/{run}/resume", json={"run_input": form}).json()["status"] == "ACCEPT"

    wait_for(taken, "the answer is taken")
