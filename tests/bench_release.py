"""A release of one changed line up to its plan, beside what a person types to know the same: `docker build`, `pytest`, Playwright.

By hand is one after the other, and without what Slipway knows of runs before.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployments.demo.world import World, git
from tasks.containers import engine
from tasks.images import builder

LINE = 'app = FastAPI(title="Shop")\n'
PASSWORD = "by-hand"  # noqa: S105 - of a database that lives for some seconds
DATABASE = f"postgresql://postgres:{PASSWORD}@database:5432/postgres"
DOCKER_SECONDS = 300


def change_one_line(world: World, number: int) -> str:
    """Commits another line of the backend's code in the demo's working copy; returns the commit."""
    path = world.app / "backend" / "shop" / "main.py"
    before = path.read_text()
    path.write_text(re.sub(r"app = FastAPI\(title=.*\)\n", f'app = FastAPI(title="Shop {number}")\n', before))
    assert path.read_text() != before, f"{path} has no line to change"
    git(world.app, "commit", "--quiet", "--all", "--message", f"Title {number}")
    return git(world.app, "rev-parse", "HEAD")


def by_hand(world: World, frontend: str) -> dict[str, float]:
    """What a person would type for the commit in the working copy; seconds of each part. `frontend` is the image that is out there."""
    registry = f"127.0.0.1:{world.settings.registry_port}/shop"
    told = f"--build-arg=COMMIT={git(world.app, 'rev-parse', 'HEAD')}"
    backend, test, e2e = f"{registry}/backend:by-hand", "by-hand/test", "by-hand/e2e"
    parts: dict[str, float] = {}
    parts["docker build and push"] = _seconds(lambda: _build(world.app / "backend", backend, told, push=True))
    parts["docker build of tests"] = _seconds(lambda: _builds(world, test, e2e))
    parts["pytest, ruff"] = _seconds(lambda: _unit(test))
    parts["Playwright"] = _seconds(lambda: _end_to_end(backend, frontend, e2e))
    return parts


def forget() -> None:
    """Removes the names of images that were built by hand; what a release has built of the same content stays."""
    tags = [tag for image in engine().images.list() for tag in image.tags]
    for tag in tags:
        if tag.startswith("by-hand/") or tag.endswith("/shop/backend:by-hand"):
            engine().images.remove(tag)


def until_plan(report: str) -> float:
    """Seconds from the flow's first step to its plan: everything is tested, built and pushed then."""
    found = re.search(r"^\| make plan \| ([\d.]+) ", report, re.MULTILINE)
    if not found:
        raise RuntimeError("the report has no step `make plan`")
    return float(found[1])


def _builds(world: World, test: str, e2e: str) -> None:
    _build(world.app / "backend", test, "--target=test")
    _build(world.app / "e2e", e2e)


def _build(folder: Path, tag: str, *options: str, push: bool = False) -> None:
    there = builder.find()
    loading = ["--load"] if there.kind == "buildx" else []
    _run([*there.command, "--tag", tag, *loading, *options, str(folder)], **builder.environment(there))
    if push:
        _run([there.program, "push", tag])


def _unit(image: str) -> None:
    with _network() as network, _database(network):
        _docker("run", "--rm", f"--network={network}", f"--env=DATABASE_URL={DATABASE}", image, "pytest", "-q")
    _docker("run", "--rm", image, "ruff", "check", ".")


def _end_to_end(backend: str, frontend: str, e2e: str) -> None:
    with _network() as network, _database(network):
        given = [f"--network={network}", f"--env=DATABASE_URL={DATABASE}"]
        _docker("run", "--rm", *given, backend, "alembic", "upgrade", "head")
        with (
            _container(*given, "--network-alias=backend", backend) as one,
            _container(
                f"--network={network}", "--network-alias=frontend", "--env=BACKEND_URL=http://backend:8000", frontend
            ) as two,
        ):
            _until(one, "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')")
            _until(two, "node", "-e", "fetch('http://127.0.0.1:3000/version').then(r => process.exit(r.ok ? 0 : 1))")
            url = "--env=BASE_URL=http://frontend:3000"
            _docker("run", "--rm", f"--network={network}", url, e2e, "pytest", "-q", "-m", "smoke")


@contextmanager
def _network() -> Iterator[str]:
    name = f"by-hand-{os.getpid()}-{time.monotonic_ns()}"
    _docker("network", "create", name)
    try:
        yield name
    finally:
        _docker("network", "rm", name)


@contextmanager
def _database(network: str) -> Iterator[None]:
    given = [f"--network={network}", "--network-alias=database", f"--env=POSTGRES_PASSWORD={PASSWORD}"]
    with _container(*given, "postgres:17") as name:
        _until(name, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres")
        yield


@contextmanager
def _container(*arguments: str) -> Iterator[str]:
    name = _docker("run", "--detach", *arguments).strip()
    try:
        yield name
    finally:
        _docker("rm", "--force", "--volumes", name)


def _until(container: str, *command: str) -> None:
    deadline = time.monotonic() + DOCKER_SECONDS
    program = builder.find().program
    while subprocess.run([program, "exec", container, *command], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{container} does not answer {command}")
        time.sleep(0.1)


def _docker(*arguments: str) -> str:
    return _run([builder.find().program, *arguments])


def _run(argv: Sequence[str], **env: str) -> str:
    done = subprocess.run(
        argv, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=DOCKER_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start
