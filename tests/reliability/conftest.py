"""Worlds for every proof: a new one where a proof needs it, else one for all tests, put back to its beginning for each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Repository
from tests.reliability.releases import Releases, opened
from tests.reliability.server import GitServer
from tests.reliability.world import World, git, make_world


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Slipway home: mirrors live as long as they do on a worker, whatever happens to the repositories."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def slipway_home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of all tests here."""
    monkeypatch.setenv("SLIPWAY_HOME", str(shared_home))
    return shared_home


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., World]:
    """Makes a world with this many customers and commits."""
    return lambda **numbers: make_world(tmp_path, **numbers)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """The world of all tests, with where its GitOps branch begins."""
    world = make_world(tmp_path_factory.mktemp("world"), customers=3, commits=6)
    world.git("config", "http.receivepack", "true")
    return world, world.tip


@pytest.fixture
def world(first: tuple[World, str]) -> World:
    """Three customers without a release, and six commits; no hooks, no other branches."""
    world, tip = first
    begin(world, tip)
    return world


@pytest.fixture(scope="session")
def after_release(first: tuple[World, str], shared_home: Path) -> str:
    """Where the branch is when everyone runs release 0."""
    world, tip = first
    begin(world, tip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_HOME", str(shared_home))
        return world.promote(0, *world.customers).commit


@pytest.fixture
def released(first: tuple[World, str], after_release: str) -> World:
    """Three customers that run release 0."""
    begin(first[0], after_release)
    return first[0]


def begin(world: World, tip: str) -> None:
    """Both repositories as they were, nothing in the way."""
    folder = Path(world.gitops)
    for left in (
        *(folder / "hooks").glob("*"),
        *folder.rglob("*.lock"),
        folder / "met",
        folder / "gate",
        folder / "landed",
    ):
        left.unlink(missing_ok=True)
    refs = [r for r in world.git("for-each-ref", "--format=%(refname)").split() if r != "refs/heads/main"]
    lines = f"update refs/heads/main {tip}\n" + "".join(f"delete {ref}\n" for ref in refs)
    world.git("update-ref", "--stdin", stdin=lines.encode())
    git(world.app, "update-ref", "refs/heads/main", world.commits[-1])


@pytest.fixture(scope="session")
def http(first: tuple[World, str]) -> Iterator[GitServer]:
    server = GitServer(Path(first[0].gitops).parent)
    yield server
    server.stop()


@pytest.fixture
def server(http: GitServer) -> GitServer:
    """A Git server over HTTP that has the world's repositories, and nothing to fail at yet."""
    http.faults.clear()
    http.met.clear()
    return http


@pytest.fixture(scope="package")
def releases(tmp_path_factory: pytest.TempPathFactory, base_images: None) -> Iterator[Releases]:
    """Releases that are killed or fail, on one server and one registry for all tests here."""
    folder = tmp_path_factory.mktemp("kill")
    repositories = [folder / "app", folder / "gitops"]
    for path in repositories:
        path.mkdir()
    with opened(folder / "world", *map(Repository, repositories)) as made:
        yield made
