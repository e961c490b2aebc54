"""Containers and networks live as long as their block, see nothing of this process, and are found by their label."""

import contextlib
import json
import os
import threading
import time
from pathlib import Path

import psycopg
import pytest
from docker.errors import APIError

from tasks import containers
from tasks.containers import network as networks
from tasks.containers import postgres, private_network, remove_leftovers, run_command, running
from tasks.errors import ReleaseRefused, ServiceUnavailable

pytestmark = pytest.mark.usefixtures("base_images")
IMAGE = "python:3.13-slim"


def ours() -> list[str]:
    label = {"label": f"{containers.RUN_LABEL}={containers.run_id()}"}
    client = containers.engine()
    return [c.name for c in client.containers.list(all=True, filters=label, ignore_removed=True)] + [
        n.name for n in client.networks.list(filters=label)
    ]


def test_a_command_gets_files_and_gives_files_back(tmp_path: Path) -> None:
    with private_network("test") as network:
        ended = run_command(
            IMAGE,
            "cat /tmp/in; mkdir /tmp/out; cp /tmp/in /tmp/out/copy; exit 4",
            network,
            name="copy",
            env={},
            timeout_seconds=30,
            put={"/tmp/in": b"hello\n"},
            take={"/tmp/out": tmp_path / "out", "/tmp/none": tmp_path / "none"},
        )
    assert ended.exit_code == 4
    assert ended.tail == ("hello",)
    assert (tmp_path / "out" / "copy").read_text() == "hello\n"
    assert not (tmp_path / "none").exists()
    assert ours() == []


def test_the_worker_environment_does_not_reach_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CANARY", "s3cret-value")
    with private_network("test") as network:
        ended = run_command(
            IMAGE, "env; ls /var/run/docker.sock", network, name="env", env={"GIVEN": "1"}, timeout_seconds=30
        )
    assert "GIVEN=1" in ended.tail
    assert not any("s3cret-value" in line for line in ended.tail)
    assert ended.exit_code != 0


def test_the_proxy_that_the_worker_gives_its_docker_program_does_not_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"default": {"httpProxy": "http://kari:s3cret-value@proxy.example.no:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    containers.engine.cache_clear()
    try:
        with private_network("test") as network:
            ended = run_command(IMAGE, "env", network, name="env", env={"GIVEN": "1"}, timeout_seconds=30)
    finally:
        containers.engine.cache_clear()
    assert "GIVEN=1" in ended.tail
    assert not any("s3cret-value" in line for line in ended.tail)


def test_a_command_that_hangs_is_ended_at_its_limit() -> None:
    with private_network("test") as network:
        ended = run_command(IMAGE, "echo begun; sleep 60", network, name="hang", env={}, timeout_seconds=1)
    assert ended.timed_out
    assert ended.tail == ("begun",)
    assert ours() == []


def test_a_private_network_is_one_without_a_way_out() -> None:
    with private_network("test") as network:
        network.reload()
        assert network.attrs["Internal"] is True


def test_a_network_that_cannot_be_made_says_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match=r"(?s)cannot be made: .*docker network prune"):
        networks._create_network("bridge")  # a name that is taken, for an Engine without addresses


def test_an_unknown_image_is_refused_by_name() -> None:
    with private_network("test") as network, pytest.raises(ReleaseRefused, match="no image slipway/none"):
        run_command("slipway/none", "true", network, name="none", env={}, timeout_seconds=30)


def test_postgres_is_empty_and_reached_by_both_addresses() -> None:
    with private_network("test") as network, postgres(network, "postgres:17") as database:
        with psycopg.connect(database.host_url) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        script = "import socket,os; socket.create_connection(('postgres', 5432), 5); print('reached')"
        ended = run_command(IMAGE, f'python -c "{script}"', network, name="client", env={}, timeout_seconds=30)
        assert ended.tail == ("reached",)
    assert ours() == []


def test_postgres_comes_from_the_registry_where_the_engine_does_not_have_it(registry_address: str) -> None:
    image = f"{registry_address}/postgres:17"
    containers.engine().images.get("postgres:17").tag(image)
    for line in containers.engine().images.push(image, stream=True, decode=True):
        assert "error" not in line, line
    containers.engine().images.remove(image)
    with private_network("test") as network, postgres(network, image) as database:
        psycopg.connect(database.host_url).close()
    containers.engine().images.remove(image, force=True)
    with (
        private_network("test") as network,
        pytest.raises(ReleaseRefused, match="(?s)there is no such image.*/none:17"),
        postgres(network, f"{registry_address}/none:17"),
    ):
        pass


def test_what_a_killed_process_left_is_found_by_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "killed-run")
    if (child := os.fork()) == 0:
        containers.engine.cache_clear()
        with private_network("test") as network, running(IMAGE, network, alias="left", command=["sleep", "60"]):
            Path(os.environ["SLIPWAY_HOME"], "up").touch()
            time.sleep(60)
    up = Path(os.environ["SLIPWAY_HOME"], "up")
    while not up.exists():
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert len(ours()) == 2
    assert remove_leftovers("killed-run") == 2
    assert ours() == []


def test_what_another_run_removes_meanwhile_disturbs_nobody() -> None:
    """Two releases on one Engine: between a list and a look at each of it a container may be gone."""
    client, ended = containers.engine(), threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            with contextlib.suppress(APIError):  # the other one was quicker
                client.containers.create(IMAGE, labels={containers.RUN_LABEL: "theirs"}).remove()

    others = [threading.Thread(target=come_and_go) for _ in range(4)]
    for other in others:
        other.start()
    try:
        for _ in range(60):
            assert containers.run_id() not in containers.labelled_runs()
            containers.remove_leftovers("theirs")
    finally:
        ended.set()
        for other in others:
            other.join()
        containers.remove_leftovers("theirs")


def test_an_engine_that_goes_away_under_a_step_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that takes a connection and hangs up is what a restarting Engine is to its clients."""
    import socket

    from docker import DockerClient

    from tasks.containers.engine import answering

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        client = DockerClient(base_url=f"tcp://127.0.0.1:{server.getsockname()[1]}", version="1.41")
        with pytest.raises(ServiceUnavailable, match="the Docker Engine did not answer"):
            answering(client.containers.list)()
    with pytest.raises(APIError, match="no such image|No such image"):
        answering(containers.engine().images.get)("slipway/none:1")
