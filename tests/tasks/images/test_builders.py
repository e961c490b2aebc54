"""The real Engine's builders: what is given to a build reaches it and nothing else, and each wrong build is told with its line."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from tasks import settled
from tasks.command import CommandFailed
from tasks.containers import engine
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.images import builder, docker_build, registry
from tasks.images.build import build_image, build_target
from tasks.images.registry_api import Repository
from tasks.settled import NotNeeded

pytestmark = pytest.mark.usefixtures("base_images")
BASE = "FROM python:3.13-slim\n"
SECRET = "correct-horse-battery-staple"  # noqa: S105 - of these tests


@pytest.fixture(params=["buildkit", "classic"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each builder of this Engine, whatever the client here would choose."""
    if request.param == "classic":
        without(monkeypatch)
    return request.param


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose docker program has no BuildKit."""
    there = builder.find()
    classic = builder.Builder(there.program, "classic", there.version)
    monkeypatch.setattr(builder, "find", lambda: classic)


def refused(app: SimpleNamespace, text: str, kind: type[SlipwayError] = ReleaseRefused, **build: Any) -> str:
    """What is said of a build that cannot end well."""
    source, change = app.push(Dockerfile=text)
    with pytest.raises(kind) as caught:
        build_image(app.configured(**build), source, change)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_arguments_and_labels_are_in_the_image_and_secrets_nowhere(
    app: SimpleNamespace, tmp_path: Path, slipway_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level("INFO", logger="tasks")
    (tmp_path / "npmrc").write_text(f"{SECRET}\nsecond line of it\n")
    monkeypatch.setenv("API_TOKEN", SECRET[::-1])
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    script = (
        "test $(wc -l < /run/secrets/file) = 2 && test -S $SSH_AUTH_SOCK && cat /run/secrets/* && echo level $LEVEL"
    )
    mounts = "--mount=type=secret,id=file --mount=type=secret,id=env --mount=type=ssh"
    source, change = app.push(Dockerfile=f"{BASE}ARG LEVEL\nENV LEVEL=$LEVEL\nRUN {mounts} {script}\n")
    secrets = {"file": {"secret_file": str(tmp_path / "npmrc")}, "env": {"secret_env": "API_TOKEN"}}
    given = app.configured(args={"LEVEL": "3"}, secrets=secrets, ssh={"key_file": str(key)})
    image = build_image(given, source, change)
    local = engine().images.get(image.reference)
    assert "LEVEL=3" in local.attrs["Config"]["Env"]
    ours = "org.opencontainers.image."
    assert {k.removeprefix(ours): v for k, v in local.labels.items() if k.startswith(ours)} == {
        "source": app.config.app.repository,
        "revision": source.commit,
        "title": "api",
        "version": source.commit[:12],
    }
    assert "level 3" in caplog.text and "second line of it" not in caplog.text
    (log,) = (slipway_home / "logs" / "builds").iterdir()
    for told in (caplog.text, log.read_text(), str(local.history()), str(local.attrs), image.model_dump_json()):
        assert SECRET not in told and SECRET[::-1] not in told
    saved = subprocess.run(["tar", "xOf", "-"], input=b"".join(local.save()), capture_output=True, check=False).stdout
    assert len(saved) > 10_000_000, "the layers are in it, not compressed"
    assert SECRET.encode() not in saved and key.read_bytes().splitlines()[2] not in saved


def test_a_cache_mount_survives_from_build_to_build(app: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="tasks")
    cache = f"id={uuid4()},target=/kept"  # the Engine may still have the layers of an earlier run of this test
    for n in (1, 2):
        step = f"RUN --mount=type=cache,{cache} echo {n} >> /kept/log && cat /kept/log | tr '\\n' '+'\n"
        source, change = app.push(Dockerfile=BASE + step)
        build_image(app.config, source, change)
    assert "1+2+" in caplog.text


def test_an_inline_cache_travels_with_a_copy_of_the_image(
    app: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the Engine's own cache is thrown away here: `make bench` shows what it saves then."""
    caplog.set_level("INFO", logger="tasks")
    config = app.configured(cache={"mode": "registry"})
    source, change = app.push(main_py="1\n")
    image = build_image(config, source, change)
    assert "api: cache registry needs buildx" in caplog.text and "inline is used" in caplog.text
    assert registry.find(f"{app.image}:cache") == image.digest
    with Repository(app.image) as repository:
        described = json.loads(repository.content(image.digest) or b"")["config"]["digest"]
        assert (
            b"moby.buildkit.cache.v0"
            in httpx.get(f"http://{app.image.replace('/', '/v2/', 1)}/blobs/{described}").content
        )
    source, change = app.push(main_py="2\n")
    build_image(config, source, change)
    assert f"importing cache manifest from {app.image}:cache" in caplog.text


def test_what_is_wrong_is_told_with_its_line_and_what_to_do(app: SimpleNamespace) -> None:
    image = f"{app.image.partition('/')[0]}/nothing/like-it"
    cases = [
        (f"{BASE}RUN true\nRUNN foo\n", ("Dockerfile, line 3", "unknown instruction: RUNN", "mend that line")),
        (f"{BASE}\nCOPY nothing-here /x\n", ("line 3", "nothing-here is not among what is sent")),
        (f"FROM {image}:1\nRUN true\n", ("line 1", f"the image {image}:1 is not there", "docker login")),
        (f"{BASE}COPY --from={image} /a /b\n", ("line 2", f"the image {image}:latest is not there")),
        ("# nothing\n", ("line 1", "the Dockerfile is empty", "build.dockerfile")),
    ]
    for text, told in cases:
        said = refused(app, text)
        assert [part for part in told if part not in said] == [], said
    said = refused(app, f"{BASE}RUN true && \\\n  echo last words; exit 3\n", CommandFailed)
    assert "line 2" in said and "last words" in said and "exit code" in said
    said = refused(app, f"{BASE} AS one\nFROM one AS two\n".replace("\n AS", " AS"), target="three")
    assert "there is no build target three" in said and "the Dockerfile's are: one, two" in said
    said = refused(app, BASE, dockerfile="other/Dockerfile")
    assert "there is no Dockerfile" in said and "other/Dockerfile in the folder of api" in said
    said = refused(app, "FROM 127.0.0.1:1/none:1\n", ServiceUnavailable)
    assert "line 1" in said and "its registry does not answer" in said


def test_the_classic_builder_tells_the_same(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    image = f"{app.image.partition('/')[0]}/nothing/like-it"
    cases = [
        (f"{BASE}RUN true\nRUNN foo\n", ("Dockerfile, line 3", "unknown instruction: RUNN")),
        (f"{BASE}\nCOPY nothing-here /x\n", ("line 3", "nothing-here is not among what is sent")),
        (f"FROM {image}:1\nRUN true\n", ("line 1", f"the image {image}:1 is not there")),
        (f"{BASE}RUN --mount=type=cache,target=/c true\n", ("line 2", "`RUN --mount` needs", "docker-buildx")),
        ("# syntax=docker/dockerfile:1\nFROM a\n", ("line 1", "`# syntax=` needs")),
    ]
    for text, told in cases:
        said = refused(app, text)
        assert [part for part in told if part not in said] == [], said
    said = refused(app, f"{BASE}RUN true && \\\n  echo last words; exit 3\n", CommandFailed)
    assert "line 2" in said and "last words" in said
    stayed = engine().containers.list(all=True, ignore_removed=True, filters={"status": "exited"})
    assert [c for c in stayed if "last words" in str(c.attrs["Config"]["Cmd"])] == []
    assert "there is no build target three" in refused(app, f"{BASE[:-1]} AS one\n", target="three")


def test_the_classic_builder_builds_what_needs_nothing_else_and_says_so(
    app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without(monkeypatch)
    source, change = app.push(main_py="1\n")
    image = build_image(app.configured(cache={"mode": "inline"}), source, change)
    assert image.built_by == "the classic builder, without BuildKit"
    assert "which is slower; install Docker's buildx plugin" in caplog.text
    assert f"COMMIT={source.commit}" in engine().images.get(image.reference).attrs["Config"]["Env"]


def test_a_build_that_hangs_or_talks_without_end_is_bounded(app: SimpleNamespace, by: str, slipway_home: Path) -> None:
    said = refused(app, f"{BASE}RUN yes {by} & sleep 7473\n", CommandFailed, timeout=4)
    assert "stopped after its limit of 4 s" in said and "build.timeout" in said
    assert sum(f.stat().st_size for f in (slipway_home / "logs" / "builds").iterdir()) < 250_000_000
    assert not until_gone("sleep 7473")


def test_a_build_that_fills_the_disk_is_ended(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = docker_build._engine_folder()
    if not folder.exists():
        pytest.skip("the Engine is on another machine")
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    monkeypatch.setattr(docker_build, "LEAST_FREE_BYTES", free - 300 * 1024**2)
    said = refused(app, f"{BASE}RUN head -c 1G /dev/zero > /x; sleep 7474\n")
    assert "the disk is nearly full" in said and "a build that fills it was ended" in said and "prune" in said
    assert not until_gone("sleep 7474")


def test_a_context_that_is_too_large_is_not_sent(app: SimpleNamespace) -> None:
    source, change = app.push(large_bin="x" * 3_000_000)
    with pytest.raises(ReleaseRefused, match="larger than 2 MB") as caught:
        build_image(app.configured(context_megabytes=2), source, change)
    assert "build.context_megabytes" in str(caught.value)


@pytest.fixture
def settled_soon() -> Iterator[None]:
    yield
    settled.begin_again()


def test_a_build_that_nobody_needs_any_more_ends_and_leaves_nothing(
    app: SimpleNamespace, by: str, settled_soon: None
) -> None:
    from threading import Timer

    number = {"buildkit": 7475, "classic": 7476}[by]
    source, change = app.push(Dockerfile=f"{BASE}RUN sleep {number}\n")
    Timer(3, settled.settle).start()
    with pytest.raises(NotNeeded, match="build api: cancelled, its result was not needed"):
        build_target(app.config, source, "api", app.config.components["api"].build, None)
    assert not until_gone(f"sleep {number}")


def until_gone(command: str) -> bool:
    """Whether a process of this command is still there after some seconds; the Engine's are seen, too."""
    for _ in range(50):
        if not any((p.info["cmdline"] or []) == command.split() for p in psutil.process_iter(["cmdline"])):
            return False
        time.sleep(0.2)
    return True
