"""A real registry is asked for what a release and the nightly run do there; nothing stays behind."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import services
from deployments.doctor import registry
from deployments.doctor.finding import Finding
from tasks.config.model import Config
from tasks.containers import engine
from tests.deployments.doctor.settings import settings
from tests.ports import free_port

PASSWORD = "a pass w0rd of the registry"


@pytest.fixture
def closed(tmp_path: Path, docker_engine: object) -> Iterator[str]:
    """A registry that asks for a password and does not delete."""
    if not (program := shutil.which("docker-registry")):
        pytest.skip("docker-registry is not installed")
    port, users = free_port(5300), tmp_path / "users"
    crypt = ["perl", "-e", "print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))", PASSWORD]
    users.write_text(f"slipway:{subprocess.run(crypt, check=True, capture_output=True, text=True).stdout}\n")
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "http": {"addr": f"127.0.0.1:{port}"},
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}},
        "auth": {"htpasswd": {"realm": "tests", "path": str(users)}},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))
    argv, answers = [program, "serve", str(tmp_path / "config.yml")], f"http://127.0.0.1:{port}/"
    env = services.environment()
    with services.serving("registry", argv, tmp_path / "log", env, lambda: services.answers(answers)) as server:
        server.wait_ready()
        yield f"127.0.0.1:{port}"


@pytest.fixture
def log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Does what `docker login` does, in a folder of this test."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    def login(host: str, password: str) -> None:
        auth = base64.b64encode(f"slipway:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        engine.cache_clear()

    yield login
    engine.cache_clear()


def look(host: str, unused: str = "delete") -> list[Finding]:
    config = Config.model_validate(settings(image=f"{host}/tiny/api", nightly={"unused_images": unused}))
    return list(registry.look(config))


def test_an_open_registry_is_all_right_and_nothing_is_left_there(registry_address: str) -> None:
    found = look(registry_address)
    assert {f.state for f in found} == {"ok"}, found
    assert [words for f in found for words in ("read", "pushed", "deleted") if words in f.told] == [
        "read",
        "pushed",
        "deleted",
    ]
    assert not services.answers(f"http://{registry_address}/v2/tiny/api/tags/list")  # not even a name


def test_a_closed_one_takes_the_login_and_says_that_it_does_not_delete(closed: str, log_in: object) -> None:
    log_in(closed, PASSWORD)
    found = look(closed)
    assert [f.state for f in found] == ["ok", "ok", "ok", "ok", "wrong"], found
    assert "storage.delete.enabled" in found[-1].next_step
    assert {f.state for f in look(closed, unused="list")} == {"ok"}


def test_a_wrong_password_is_told_and_not_shown(closed: str, log_in: object) -> None:
    from tasks.errors import ServiceUnavailable

    log_in(closed, "an0ther")
    with pytest.raises(ServiceUnavailable) as refused:
        look(closed)
    assert "docker login" in str(refused.value)
    assert "an0ther" not in str(refused.value)
