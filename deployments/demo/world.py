"""The demo's world: two git repositories, ten customers in three rings, release.yaml; made once and kept."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from deployments.services import PROJECT, free_port
from tasks.models import Value

HERE = Path(__file__).parent
SHOP = HERE / "shop"
NO_DIGEST = "sha256:" + "0" * 64
KUSTOMIZE = ("bre", "dal", "elv", "fjord", "foss")
HELM = ("aas", "hav", "lund", "nes", "vik")
CUSTOMERS = tuple(sorted(KUSTOMIZE + HELM))
# The same files always make the same first commit, so that a world made again finds its images built.
IDENTITY = {
    "GIT_AUTHOR_NAME": "Kari",
    "GIT_AUTHOR_EMAIL": "kari@example.no",
    "GIT_AUTHOR_DATE": "2026-01-05T08:00:00Z",
    "GIT_COMMITTER_NAME": "Kari",
    "GIT_COMMITTER_EMAIL": "kari@example.no",
    "GIT_COMMITTER_DATE": "2026-01-05T08:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Settings(Value):
    """What was chosen when the world was made; `world.json` beside the repositories."""

    id: str
    secret: str
    repository: str = "demo/shop"
    entry: str = "frontend"
    registry_port: int
    prefect_port: int
    receiver_port: int
    receiver: str
    customer_ports: dict[str, int]


class World:
    """Paths and settings of one demo world."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.app, self.app_remote = folder / "app", folder / "app.git"
        self.gitops, self.gitops_remote = folder / "gitops", folder / "gitops.git"
        self.config, self.logs, self.report = folder / "release.yaml", folder / "logs", folder / "report"
        self.secret = folder / "webhook-secret"
        self.prefect, self.home, self.registry = folder / "prefect", folder / "home", folder / "registry"

    def address(self, customer: str) -> str:
        """Where a customer's page is."""
        return f"http://127.0.0.1:{self.settings.customer_ports[customer]}"

    @property
    def ui(self) -> str:
        """Where the Prefect UI is."""
        return f"http://127.0.0.1:{self.settings.prefect_port}"


def demo_folder() -> Path:
    """$SLIPWAY_DEMO_HOME, else `.slipway/demo` in the project."""
    return Path(os.environ.get("SLIPWAY_DEMO_HOME") or PROJECT / ".slipway" / "demo").resolve()


def open_world(folder: Path) -> World:
    """The world in a folder; one that is not there, or was only half made, is made anew."""
    done = folder / "world.json"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        world = World(folder, _choose())
        _make(world)
        done.write_text(world.settings.model_dump_json(indent=2))  # last: a world without it is not complete
    return World(folder, Settings.model_validate_json(done.read_text()))


def _choose() -> Settings:
    receiver, first = free_port(8090), 8101
    ports = {}
    for customer in CUSTOMERS:
        ports[customer] = first = free_port(first)
        first += 1
    return Settings(
        id=secrets.token_hex(4),
        secret=secrets.token_hex(24),
        registry_port=free_port(5000),
        prefect_port=free_port(4200),
        receiver_port=receiver,
        receiver=f"http://127.0.0.1:{receiver}/hooks/shop",
        customer_ports=ports,
    )


def _make(world: World) -> None:
    for folder in (world.logs, world.report, world.home):
        folder.mkdir()
    shutil.copytree(SHOP, world.app, ignore=shutil.ignore_patterns("node_modules", ".next", "__pycache__", ".venv"))
    _repository(world.app, world.app_remote, "Shop: orders, added and ticked off")
    _write(world.gitops, gitops_files(world.settings))
    _repository(world.gitops, world.gitops_remote, "Ten customers")
    git(world.gitops, "push", "--quiet", "--set-upstream", "origin", "main")
    world.secret.touch(mode=0o600)
    world.secret.write_text(world.settings.secret)
    world.config.write_text(yaml.safe_dump(release_yaml(world), sort_keys=False, width=120))
    hook = world.app_remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "post_receive.py"}" "{world.folder / "world.json"}"\n'
    )
    hook.chmod(0o755)


def _repository(work: Path, remote: Path, message: str) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote)], check=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "config", "user.name", "Kari")
    git(work, "config", "user.email", "kari@example.no")
    git(work, "remote", "add", "origin", str(remote))
    git(work, "config", "push.autoSetupRemote", "true")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", message)


def git(work: Path, *arguments: str) -> str:
    """Runs git in a working copy of the demo's and returns what it printed."""
    done = subprocess.run(
        ["git", *arguments], cwd=work, env={**os.environ, **IDENTITY}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def gitops_files(settings: Settings) -> dict[str, str]:
    """The GitOps repository before the first release: five customers by kustomize, five by Helm values."""
    registry = f"127.0.0.1:{settings.registry_port}/shop"
    base = {f"base/{p.name}": p.read_text() for p in sorted((HERE / "gitops" / "base").iterdir())}
    chart = {
        f"charts/shop/{p.relative_to(HERE / 'gitops' / 'chart')}": p.read_text()
        for p in sorted((HERE / "gitops" / "chart").rglob("*"))
        if p.is_file()
    }
    overlays = {f"customers/{c}/kustomization.yaml": _overlay(c, registry) for c in KUSTOMIZE}
    values = {f"customers/{c}/values.yaml": _values(c, registry) for c in HELM}
    return {
        "README.md": "# Customers\n\nOne folder each; releases set the image digests.\n",
        **base,
        **chart,
        **overlays,
        **values,
    }


def _overlay(customer: str, registry: str) -> str:
    return f"""\
# {customer}: images are set by releases, everything else by people
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop-{customer}
resources:
  - ../../base
images:
  - name: shop/backend
    newName: {registry}/backend
    digest: {NO_DIGEST} # no release yet
  - name: shop/frontend
    newName: {registry}/frontend
    digest: {NO_DIGEST} # no release yet
"""


def _values(customer: str, registry: str) -> str:
    return f"""\
# {customer}: Helm values; images are set by releases, everything else by people
backend:
    replicas: 1
    image:
        repository: {registry}/backend
        digest: "{NO_DIGEST}"
frontend:
    replicas: 1
    image: {{repository: {registry}/frontend, digest: "{NO_DIGEST}"}}
"""


def release_yaml(world: World) -> dict[str, object]:
    """The demo's release.yaml."""
    registry = f"127.0.0.1:{world.settings.registry_port}/shop"
    return {
        "app": {"name": "shop", "repository": str(world.app_remote)},
        "components": {
            "backend": {
                "path": "backend",
                "image": f"{registry}/backend",
                "suites": {
                    "unit": {"run": "pytest -q --junitxml=$JUNIT", "services": ["postgres"]},
                    "lint": {"run": "ruff check .", "retries": 0},
                },
                "run": {"port": 8000, "migrate": "alembic upgrade head"},
            },
            "frontend": {
                "path": "frontend",
                "image": f"{registry}/frontend",
                "suites": {
                    "unit": {"run": "vitest run --reporter=default --reporter=junit --outputFile.junit=$JUNIT"},
                    "lint": {"run": "eslint .", "retries": 0},
                },
                "run": {"port": 3000, "health": "/version", "env": {"BACKEND_URL": "http://backend:8000"}},
            },
        },
        "e2e": {
            "path": "e2e",
            "smoke": "pytest -q -m smoke --junitxml=$JUNIT",
            "full": "pytest -q --junitxml=$JUNIT",
            "env": {"BASE_URL": "http://frontend:3000"},
        },
        "migrations": {
            "component": "backend",
            "tool": "alembic",
            "metadata": "shop.database:Base",
            "smoke": "python -m shop.smoke",
        },
        "gitops": {
            "repository": str(world.gitops_remote),
            "targets": {
                c: [
                    {"file": "customers/{customer}/kustomization.yaml", "image": f"shop/{c}"},
                    {"file": "customers/{customer}/values.yaml", "path": f"{c}.image.digest"},
                ]
                for c in ("backend", "frontend")
            },
        },
        "rings": [
            {"name": "canary", "customers": ["fjord"]},
            {"name": "early", "customers": ["bre", "hav", "vik"]},
            {"name": "all", "customers": "*", "approve": True},
        ],
        "rollout": {
            "urls": {c: world.address(c) for c in CUSTOMERS},
            "versions": {"backend": "/api/version", "frontend": "/version"},
            "timeout": "3m",
        },
        "webhook": {
            "provider": "github",
            "repository": world.settings.repository,
            "secret_file": str(world.secret),
        },
        "addresses": {"receiver": f"http://127.0.0.1:{world.settings.receiver_port}"},
    }


def settings_text(settings: Settings) -> str:
    """The settings as they stand in world.json."""
    return json.dumps(settings.model_dump(), indent=2)
