"""Images are built once per content, pushed, and named by what the registry answered."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.command import CommandFailed
from tasks.config.build import Build
from tasks.containers import engine
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.images import registry
from tasks.images.build import build_image, build_target
from tasks.models import Deployed, ReleaseRequest
from tasks.source.checkout import check_out
from tests.tasks.images.conftest import DOCKERFILE, change_of

pytestmark = pytest.mark.usefixtures("base_images")


def test_an_image_is_built_pushed_and_named_by_digest(app: SimpleNamespace) -> None:
    source, change = app.push(main_py=f"print('{app.image}')\n")
    image = build_image(app.config, source, change)
    assert image.built
    assert registry.find(f"{app.image}:{change.tag}") == image.digest
    assert registry.find(image.reference) == image.digest
    local = engine().images.get(image.reference)
    assert local.labels["org.opencontainers.image.revision"] == source.commit
    assert f"COMMIT={source.commit}" in local.attrs["Config"]["Env"]


def test_the_same_content_at_another_commit_is_reused_with_the_commit_that_built_it(app: SimpleNamespace) -> None:
    first, change = app.push(main_py="print(1)\n")
    built = build_image(app.config, first, change)
    engine().images.remove(built.reference, force=True)
    second, same = app.push(main_py="print(1)\n")
    again = build_image(app.config, second, same)
    assert second.commit != first.commit
    assert (again.built, again.digest, again.revision) == (False, built.digest, first.commit)


def test_what_was_released_is_not_even_looked_up(app: SimpleNamespace) -> None:
    source, change = app.push(main_py="print(2)\n")
    released = Deployed(digest="sha256:" + "d" * 64, revision=source.commit, tree=change.tree)
    image = build_image(app.config, source, change.model_copy(update={"released": released, "changed": False}))
    assert (image.built, image.digest) == (False, released.digest)


def test_an_image_of_an_older_version_keeps_the_tag_that_it_has(app: SimpleNamespace) -> None:
    source, change = app.push(main_py="print(2)\n")
    released = Deployed(digest="sha256:" + "d" * 64, revision=source.commit, tree=change.tree)
    image = build_image(app.config, source, change.model_copy(update={"released": released, "changed": False}))
    assert (image.tag, image.names[1]) == (released.tag, f"tree-{change.tree}")


def test_two_releases_that_need_the_same_content_at_once_build_it_once(app: SimpleNamespace) -> None:
    source, change = app.push(main_py=f"print('at once {app.image}')\n", Dockerfile=DOCKERFILE + "RUN sleep 1\n")
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: build_image(app.config, source, change), range(2)))
    assert sorted(i.built for i in made) == [False, True]
    assert len({i.digest for i in made}) == 1
    (asked,) = [build_image(app.config, source, change, reuse=False)]
    assert asked.built, "anew, when that is asked for"
    assert registry.find(f"{app.image}:{change.tag}") == asked.digest


def test_a_build_sees_its_own_paths_and_nothing_beside_them(app: SimpleNamespace) -> None:
    """Not even a .gitattributes above them, which `git archive` would obey."""
    shared = app.config.components["api"].model_copy(
        update={"shared": ("lib/one.py", "docker"), "build": Build(dockerfile="docker/api.Dockerfile")}
    )
    config = app.config.model_copy(update={"components": {"api": shared}})
    files = {
        "docker/api.Dockerfile": "FROM python:3.13-slim\nCOPY . /src\nRUN cd /src && find . -type f | sort > /seen\n",
        "lib/one.py": "1\n",
        "lib/two.py": "2\n",
        "web/main.js": "3\n",
        ".gitattributes": "*.py export-ignore\n",
    }
    source = check_out(config, ReleaseRequest(commit=app.repository.commit({**files, "api/main.py": "print(7)\n"})))
    image = build_image(config, source, change_of(config, source))
    seen = engine().containers.run(image.reference, "cat /seen", remove=True).decode().split()
    assert seen == ["./api/main.py", "./docker/api.Dockerfile", "./lib/one.py"]


def test_a_failing_build_shows_its_end_and_pushes_nothing(app: SimpleNamespace) -> None:
    source, change = app.push(Dockerfile="FROM python:3.13-slim\nRUN echo last words; exit 3\n")
    with pytest.raises(CommandFailed) as caught:
        build_image(app.config, source, change)
    assert "last words" in str(caught.value)
    assert registry.find(f"{app.image}:{change.tag}") is None


def test_a_missing_target_is_told_in_the_builders_words(app: SimpleNamespace) -> None:
    source, _ = app.push(main_py="print(3)\n")
    with pytest.raises(ReleaseRefused, match="nothing-like-it"):
        build_target(app.config, source, "api", Build(), "nothing-like-it")


def test_a_test_image_is_built_once_per_content(app: SimpleNamespace) -> None:
    source, _ = app.push(main_py="print(4)\n")
    name = build_target(app.config, source, "api", Build(), "test")
    made = engine().images.get(name).id
    assert build_target(app.config, source, "api", Build(), "test") == name
    assert engine().images.get(name).id == made
    engine().images.remove(name, force=True)


def test_a_registry_that_is_not_there_is_transient_and_named() -> None:
    with pytest.raises(ServiceUnavailable, match="127.0.0.1:1/none"):
        registry.find("127.0.0.1:1/none:tag")


def test_a_link_of_the_commit_is_never_followed_on_this_machine(app: SimpleNamespace, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the worker")
    (app.work / "api").mkdir()
    (app.work / "api" / "leak").symlink_to(secret)
    source, change = app.push(
        Dockerfile="FROM python:3.13-slim\nCOPY . /src\nRUN test -L /src/leak && ! cat /src/leak\n"
    )
    assert build_image(app.config, source, change).built


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with almost no room."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "full"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_before_a_build_begins(
    app: SimpleNamespace, full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, change = app.push(main_py="print(6)\n")
    shutil.copytree(os.environ["SLIPWAY_HOME"], full_disk / "home")
    monkeypatch.setenv("SLIPWAY_HOME", str(full_disk / "home"))
    with pytest.raises(ReleaseRefused, match="the disk is nearly full") as caught:
        build_image(app.config, source, change)
    assert str(full_disk) in str(caught.value)
    assert registry.find(f"{app.image}:{change.tag}") is None
