"""The world in which guides are tried: the app shop, its GitOps repository with three customers, a registry, and a stand-in for the cluster.

The Prefect server and the worker are started by the first guide itself. Addresses of guides are mapped: those of git by git, others in
words that are run and in lines that are read.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from deployments import services
from deployments.demo import cluster
from deployments.demo.world import SHOP, Settings
from tasks import containers
from tests.databases import postgres
from tests.docs.terminal import Reader
from tests.images import forget
from tests.ports import free_port, free_ports

ROOT = Path(__file__).parents[2]
CUSTOMERS = ("bre", "dal", "fjord")
# What customers run before Slipway comes; nothing here has it.
OLD = "sha256:" + "3f1c0a9b" * 8
GIT = "https://git.example.no/"
IDENTITY = ("-c", "user.name=Kari", "-c", "user.email=kari@example.no")


class GuideWorld:
    """Folders and ports, and readers that find the guides' addresses here."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.remotes = folder, folder / "home", folder / "git"
        self.database: dict[str, str] = {}
        self.registry, self.prefect = free_port(5600), free_port(4700)
        self.ports = free_ports(CUSTOMERS, 8601)

    @property
    def examples(self) -> dict[str, str]:
        """Addresses as guides write them, and what they are here."""
        urls = ", ".join(f"{c}: 'http://127.0.0.1:{p}'" for c, p in self.ports.items())
        every = {f"https://{c}.shop.example.no": f"http://127.0.0.1:{p}" for c, p in self.ports.items()}
        return {
            "registry.example.no": f"127.0.0.1:{self.registry}",
            "127.0.0.1:4200": f"127.0.0.1:{self.prefect}",
            "--port 4200": f"--port {self.prefect}",
            "url: https://{customer}.shop.example.no": f"urls: {{{urls}}}",
            **every,
        }

    def reader(self) -> Reader:
        """Somebody who has just opened a terminal."""
        return Reader(self.home, self._environment(), self.examples)

    def _environment(self) -> dict[str, str]:
        """git.example.no is a folder here; people have a name for commits."""
        settings = {
            f"url.{self.remotes}/.insteadOf": GIT,
            "user.name": "Kari",
            "user.email": "kari@example.no",
            "init.defaultBranch": "main",
        }
        pairs = {}
        for number, (key, value) in enumerate(settings.items()):
            pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return services.environment(
            HOME=str(self.home),
            USER="kari",
            LOGNAME="kari",
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            PYTHONPATH=str(ROOT),
            PREFECT_HOME=str(self.folder / "prefect"),
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            PREFECT_SERVER_UI_API_URL=f"http://127.0.0.1:{self.prefect}/api",
            PREFECT_WORKER_QUERY_SECONDS="1",
            DO_NOT_TRACK="1",
            **self.database,
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_COUNT=str(len(settings)),
            **pairs,
        )


@contextmanager
def guide_world(folder: Path) -> Iterator[GuideWorld]:
    """A world with its repositories, registry, a database for Prefect, and the stand-in for the cluster."""
    world = GuideWorld(folder)
    world.home.mkdir()
    _repositories(world)
    with ExitStack() as stack:
        # On SQLite, the server's default, a step may wait a minute for another writer.
        world.database = stack.enter_context(postgres()).settings
        stack.callback(forget, f"127.0.0.1:{world.registry}/")
        stack.enter_context(services.registry(folder / "registry", world.registry)).wait_ready()
        stack.enter_context(_customers(world))
        yield world


def _repositories(world: GuideWorld) -> None:
    app, gitops = world.folder / "app", world.folder / "gitops"
    leave = shutil.ignore_patterns("__pycache__", ".venv")
    shutil.copytree(SHOP / "backend", app / "backend", ignore=leave)
    base = SHOP.parent / "gitops" / "base"
    files = {f"base/{n}.yaml": (base / f"{n}.yaml").read_text() for n in ("backend", "migrate")}
    files["base/kustomization.yaml"] = KUSTOMIZATION
    image = f"127.0.0.1:{world.registry}/shop/backend"
    files |= {f"customers/{c}/kustomization.yaml": OVERLAY.format(c, c, image, OLD) for c in CUSTOMERS}
    for name, text in files.items():
        (gitops / name).parent.mkdir(parents=True, exist_ok=True)
        (gitops / name).write_text(text)
    for work, remote, message in ((app, "app", "Orders"), (gitops, "gitops", "Three customers")):
        _git("init", "--quiet", "--bare", "-b", "main", str(world.remotes / "shop" / f"{remote}.git"))
        _git("-C", str(work), "init", "--quiet", "-b", "main")
        _git("-C", str(work), "add", "--all")
        _git("-C", str(work), "commit", "--quiet", "-m", message)
        _git("-C", str(work), "push", "--quiet", str(world.remotes / "shop" / f"{remote}.git"), "main")


KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [backend.yaml, migrate.yaml]
"""
OVERLAY = """\
# {}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop-{}
resources:
  - ../../base
images:
  - name: shop/backend
    newName: {}
    digest: {}
"""


def _git(*arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)


@contextmanager
def _customers(world: GuideWorld) -> Iterator[None]:
    """Who rolls out: brings each customer to what the GitOps repository says."""
    identity, folder = f"guides-{os.getpid()}", world.folder / "cluster"
    folder.mkdir()
    ports = world.ports
    settings = Settings(
        id=identity,
        secret="-",
        entry="backend",
        registry_port=1,
        prefect_port=1,
        receiver_port=1,
        receiver="-",
        customer_ports=ports,
    )
    (folder / "world.json").write_text(settings.model_dump_json())
    (folder / "release.yaml").write_text(yaml.safe_dump(_rolled_out(world)))
    log = folder / "cluster.log"
    argv = [sys.executable, "-m", "deployments.demo.cluster", str(folder)]
    env = services.environment(SLIPWAY_HOME=str(folder / "home"))
    try:
        with services.serving("cluster", argv, log, env, lambda: b"ready" in log.read_bytes()) as server:
            server.wait_ready()
            yield
    finally:
        cluster.remove_all(identity)
        for volume in containers.engine().volumes.list(filters={"name": f"slipway-demo-{identity}"}):
            volume.remove(force=True)


def _rolled_out(world: GuideWorld) -> dict[str, object]:
    """What the stand-in needs to know: which image, where it stands, and how it is migrated and started."""
    remotes = world.remotes / "shop"
    return {
        "app": {"name": "shop", "repository": str(remotes / "app.git")},
        "components": {
            "backend": {
                "path": "backend",
                "image": f"127.0.0.1:{world.registry}/shop/backend",
                "run": {"port": 8000, "migrate": "alembic upgrade head"},
            }
        },
        "gitops": {
            "repository": str(remotes / "gitops.git"),
            "targets": {"backend": [{"file": "customers/{customer}/kustomization.yaml", "image": "shop/backend"}]},
        },
        "rings": [{"name": "all", "customers": "*"}],
        "rollout": {"url": "http://127.0.0.1:1", "versions": {"backend": "/api/version"}},
    }
