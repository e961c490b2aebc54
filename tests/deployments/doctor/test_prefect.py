"""Real Prefect servers, an open one and a closed one: what doctor says of them, and what a container does before it starts."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments import authentication, drain, services
from deployments.doctor import prefect_deployments, prefect_server, prefect_worker
from deployments.doctor.finding import Finding
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tests.ports import free_port

CREDENTIALS = "slipway:a pass w0rd of the tests"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Both, with their API's addresses; the closed one has the deployments of prefect.yaml and no worker."""
    folder = tmp_path_factory.mktemp("servers")
    ports = free_port(4600), free_port(4650)
    argv = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(ports[1])]
    env = services.environment(
        PREFECT_HOME=str(folder / "closed"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_SERVER_API_AUTH_STRING=CREDENTIALS,
        PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE="prefect.server.concurrency.lease_storage.memory",
    )
    ready = lambda: services.answers(f"http://127.0.0.1:{ports[1]}/api/ready")  # noqa: E731
    with (
        services.prefect_server(folder / "open", ports[0]) as first,
        services.serving("Prefect server", argv, folder / "closed.log", env, ready) as second,
    ):
        first.wait_ready()
        second.wait_ready()
        url = f"http://127.0.0.1:{ports[1]}/api"
        services.deploy(
            services.worker_environment(folder / "worker", ports[1], folder, folder / "release.yaml")
            | {"PREFECT_API_AUTH_STRING": CREDENTIALS}
        )
        yield SimpleNamespace(open=f"http://127.0.0.1:{ports[0]}/api", closed=url)


def look(look: Callable[[], Iterator[Finding]], url: str, credentials: str | None) -> dict[str, str]:
    """What is told -> state."""
    return {f.told: f.state for f in findings(look, url, credentials)}


def findings(look: Callable[[], Iterator[Finding]], url: str, credentials: str | None) -> list[Finding]:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: credentials}):
        return list(look())


def state(found: dict[str, str], words: str) -> str:
    return next(state for told, state in found.items() if words in told)


def test_a_server_that_strangers_can_use_is_wrong(servers: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(prefect_server.look, servers.open, None)
    assert state(found, "without credentials") == "wrong"
    assert state(found, "outlive a restart") == "ok"
    assert state(found, "SQLite") == "ok"
    assert state(found, "clock") == "ok"
    monkeypatch.setenv("SLIPWAY_ALLOW_NO_AUTH", "1")
    assert state(look(prefect_server.look, servers.open, None), "without credentials") == "warning"


def test_a_closed_server_is_right_and_leases_in_memory_are_not(servers: SimpleNamespace) -> None:
    found = look(prefect_server.look, servers.closed, CREDENTIALS)
    assert state(found, "asks for credentials") == "ok"
    assert state(found, "as here") == "ok"
    assert state(found, "in memory") == "wrong"
    assert "w0rd" not in str(found)


@pytest.mark.parametrize("credentials", [None, "slipway:an0ther"])
def test_wrong_credentials_are_told_and_not_shown(servers: SimpleNamespace, credentials: str | None) -> None:
    with pytest.raises(ReleaseRefused) as refused:
        look(prefect_server.look, servers.closed, credentials)
    assert "PREFECT_API_AUTH_STRING" in str(refused.value)
    assert "an0ther" not in str(refused.value)


def test_another_version_is_wrong(servers: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import prefect

    monkeypatch.setattr(prefect, "__version__", "3.0.0")
    assert state(look(prefect_server.look, servers.closed, CREDENTIALS), "here is 3.0.0") == "wrong"


def test_deployments_and_the_pool_are_compared_with_this_version(
    servers: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = look(prefect_deployments.look, servers.closed, CREDENTIALS)
    assert state(found, "release/release is as here") == "ok"
    assert state(found, "nightly/nightly is as here") == "ok"
    assert state(look(prefect_worker.look, servers.closed, CREDENTIALS), "no worker is online") == "wrong"
    without = [f for room in (prefect_deployments, prefect_worker) for f in findings(room.look, servers.open, None)]
    told = {f.told: f.state for f in without}
    assert [state(told, "there is no release/release"), state(told, "there is no work pool")] == ["wrong"] * 2
    assert {f.next_step for f in without if f.state == "wrong"} == {"run `slipway server apply`"}
    monkeypatch.setattr(prefect_deployments, "_flow", lambda entrypoint: _other_flow(entrypoint))
    other = look(prefect_deployments.look, servers.closed, CREDENTIALS)
    assert state(other, "release/release was deployed by another version") == "wrong"


def _other_flow(entrypoint: str) -> object:
    from prefect import flow

    @flow(name=entrypoint.rpartition(".")[2])
    def other(something: int) -> None:
        pass

    return other


def test_a_stop_pauses_the_pool_and_the_next_start_opens_it_unless_a_person_paused_it(servers: SimpleNamespace) -> None:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    def is_paused() -> bool:
        return any("is paused" in told for told in look(prefect_worker.look, servers.closed, CREDENTIALS))

    with temporary_settings({PREFECT_API_URL: servers.closed, PREFECT_API_AUTH_STRING: CREDENTIALS}):
        drain._pause_pool()
        assert is_paused()
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
            drain._open_pool()  # the server is away for a moment
        assert is_paused()
        drain._open_pool()
        assert not is_paused()
        drain._set_paused(True)  # as a person does
        drain._open_pool()
        assert is_paused()
        drain._pause_pool()  # a stop while a person has it paused
        drain._open_pool()
        assert is_paused()
        drain._set_paused(False)


def test_a_server_that_is_away_keeps_no_worker_from_stopping() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        drain._pause_pool()


def start(role: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    argv = [sys.executable, "-m", "deployments.start", role]
    return subprocess.run(
        argv, env={**given, **env}, cwd=services.PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("role", ["deploy", "worker", "receiver"])
def test_nothing_is_started_beside_an_open_server(servers: SimpleNamespace, role: str) -> None:
    done = start(role, PREFECT_API_URL=servers.open)
    assert done.returncode == 1
    assert "answers without credentials" in done.stderr
    assert "SLIPWAY_ALLOW_NO_AUTH=1" in done.stderr


def test_a_password_in_the_address_is_no_credential_of_ours_and_is_not_shown(servers: SimpleNamespace) -> None:
    with_password = servers.closed.replace("://", "://slipway:a%20pass%20w0rd%20of%20the%20tests@")
    assert not authentication.is_open(with_password)
    with pytest.raises(ReleaseRefused) as wants:
        authentication.version(with_password.replace("a%20", "an%20"), None)
    with pytest.raises(ReleaseRefused) as stands_open:
        authentication.require_authentication(servers.open.replace("://", "://kari:pass%20w0rd@"))
    assert "w0rd" not in f"{wants.value} {stands_open.value}"


def test_it_is_when_somebody_says_so(servers: SimpleNamespace, tmp_path: Path) -> None:
    env = services.worker_environment(tmp_path, 1, tmp_path, tmp_path / "release.yaml")
    done = start("deploy", **env | {"PREFECT_API_URL": servers.open, "SLIPWAY_ALLOW_NO_AUTH": "1"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("credentials", ["", "no-password", "slipway:short"])
def test_a_server_does_not_start_with_credentials_that_are_none(tmp_path: Path, credentials: str) -> None:
    (tmp_path / "auth").write_text(credentials)
    done = start("server", PREFECT_SERVER_API_AUTH_STRING_FILE=str(tmp_path / "auth"), PREFECT_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "PREFECT_SERVER_API_AUTH_STRING" in done.stderr
    assert "short" not in done.stderr.replace("too short", "")


def test_a_secret_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    done = start("worker", PREFECT_API_AUTH_STRING_FILE=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert str(tmp_path / "nowhere") in done.stderr


def test_what_is_no_prefect_api_is_told_apart(servers: SimpleNamespace) -> None:
    with pytest.raises(ServiceUnavailable, match="no Prefect API"):
        authentication.is_open(servers.open.removesuffix("/api") + "/nothing")
    with pytest.raises(ServiceUnavailable) as away:
        authentication.is_open("http://kari:s3cret@127.0.0.1:9/api")
    assert "s3cret" not in str(away.value)
