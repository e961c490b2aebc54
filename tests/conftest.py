"""Situations that tests of every room use: a home of their own, repositories made by git, the real Docker Engine."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tasks.secrets import masking  # noqa: E402
from tests.images import forget  # noqa: E402
from tests.ports import free_port  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: one that begins last would run alone while the other processes have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that: those of tests must hear it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def slipway_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test: no mirror or log is shared."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SLIPWAY_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_secrets_known() -> None:
    """What another test's configuration points at is not masked here."""
    masking.KNOWN.forget()


class Repository:
    """A bare repository, and ways to put commits on its branches."""

    def __init__(self, folder: Path) -> None:
        self.work, self.url = folder / "work", str(folder / "remote.git")
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", self.url], check=True)
        subprocess.run(["git", "init", "--quiet", "-b", "main", str(self.work)], check=True)
        self.git("remote", "add", "origin", self.url)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Kari", "-c", "user.email=kari@example.no", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.work, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str | None], message: str = "change", branch: str = "main") -> str:
        """Writes files (None removes one), commits, pushes the branch; returns the commit id."""
        for name, content in files.items():
            path = self.work / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Repository]:
    """Makes an empty repository by name."""

    def make(name: str) -> Repository:
        folder = tmp_path / name
        folder.mkdir()
        return Repository(folder)

    return make


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[object]:
    """The Docker Engine; without one tests are skipped on a laptop and fail in CI."""
    from tasks.containers import engine
    from tasks.errors import ServiceUnavailable

    try:
        yield engine()
    except ServiceUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def base_images(docker_engine: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`python:3.13-slim`, `node:24-slim` and `postgres:17`: pulled, or made where no registry is in reach; by one process."""
    from deployments.demo.base_images import ensure_base_images

    parallel = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent if parallel else tmp_path_factory.getbasetemp()
    with (folder / "base-images.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_base_images(print)


@pytest.fixture(scope="session")
def registry_address(tmp_path_factory: pytest.TempPathFactory, docker_engine: object) -> Iterator[str]:
    """A registry of these tests."""
    from deployments import services

    port = free_port(5200)
    with services.registry(tmp_path_factory.mktemp("registry"), port) as server:
        server.wait_ready()
        yield f"127.0.0.1:{port}"
    forget(f"127.0.0.1:{port}/")
