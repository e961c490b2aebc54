"""The receiver under strangers, floods, slow senders and kills: nothing forged is taken, and nothing taken is lost."""

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests import receivers
from tests.conftest import Repository
from tests.deliveries import PROVIDERS, Sent, push
from tests.prefect_api import PrefectApi
from tests.receivers import until
from tests.reliability import mutations
from tests.reliability.size import LARGE

MUTATED = 50_000 if LARGE else 5_000
KILLS = 200 if LARGE else 8
PUSHES = 1_000 if LARGE else 300
LOAD_SECONDS = 60 if LARGE else 8
SLOW = 200
MIB = 1024 * 1024
FLOOD = """
import socket, sys
head = b"POST /hooks/github HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\nContent-Length: 1048576\\r\\n\\r\\n"
while True:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        try:
            connection.sendall(head + b"x" * 1048576)
            connection.recv(100)
        except OSError:
            pass
"""


@pytest.fixture(scope="module")
def prefect() -> Iterator[PrefectApi]:
    api = PrefectApi()
    with api.server:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, prefect: PrefectApi) -> Iterator[SimpleNamespace]:
    """A receiver with an app for each sender, all of one repository, and one app that belongs to a burst."""
    folder = tmp_path_factory.mktemp("receiver")
    repository = Repository(folder)
    commit = repository.commit({"a": "1"})
    apps = {**{p: p for p in PROVIDERS}, "burst": "github"}
    configs = [receivers.write_config(folder, name, repository.url, kind) for name, kind in apps.items()]
    with receivers.serving(folder, configs, prefect.server.url, folder / "home") as (server, port):
        assert receivers.send(port, "/hooks/bearer", push("bearer", commit)).status == 202
        until(lambda: commit in prefect.commits)  # everything is loaded
        yield SimpleNamespace(
            port=port, commit=commit, repository=repository, process=psutil.Process(server.process.pid), prefect=prefect
        )


class Line:
    """One connection that is used again for as long as the receiver keeps it."""

    def __init__(self, port: int) -> None:
        self.port, self.connection = port, http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, path: str, sent: Sent) -> int:
        """The answer's status; 0 when the connection was ended without one, as for a body that is too large."""
        try:
            self.connection.putrequest("POST", path, skip_accept_encoding=True)
            for name, value in sent.headers:
                self.connection.putheader(name, value.encode("latin-1", "replace"))
            self.connection.putheader("Content-Length", str(len(sent.body)))
            self.connection.endheaders(sent.body)
            answer = self.connection.getresponse()
            answer.read()
        except (http.client.HTTPException, ConnectionError):
            self.connection.close()
            return 0
        return answer.status


def test_of_mutated_requests_none_is_accepted_that_should_not_be(world: SimpleNamespace, record_property) -> None:
    chance, line = random.Random(20261126), Line(world.port)
    before, statuses, wrong = 0, dict.fromkeys(range(600), 0), []
    for number in range(MUTATED):
        if number == MUTATED // 10:
            before = world.process.memory_info().rss
        app, sent, proves = mutations.mutated(chance, world.commit)
        status = line.send(f"/hooks/{app}", sent)
        statuses[status] += 1
        may = proves and mutations.may_be_accepted(app, sent)
        if status >= 500 or (status == 202 and not may) or (status == 200 and not proves):
            wrong.append((status, app, sent))
    record_property("figure", "receiver, mutated requests")
    record_property("cases", MUTATED)
    record_property("wrong", len(wrong))
    assert not wrong, wrong[0]
    assert world.process.memory_info().rss - before < 20 * MIB
    assert statuses[0] < MUTATED / 100  # answers, not hang-ups
    for status in (200, 202, 400, 401, 415):
        assert statuses[status] > MUTATED / 1000, statuses


def test_good_deliveries_pass_beside_slow_senders_and_floods(world: SimpleNamespace, record_property) -> None:
    """Half of the slow ones never end their headers, half never end a body. They are cut; the good ones are answered."""
    slow = [socket.create_connection(("127.0.0.1", world.port)) for _ in range(SLOW)]
    for number, connection in enumerate(slow):
        headers = b"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        connection.sendall(headers + (b"\r\n{" if number % 2 else b"X-A: "))
    flood = [subprocess.Popen([sys.executable, "-c", FLOOD, str(world.port)]) for _ in range(2)]
    try:
        seconds, memory = [], 0
        for _ in range(LOAD_SECONDS):
            began = time.monotonic()
            answer = receivers.send(world.port, "/hooks/github", push("github", world.commit))
            assert answer.status == 202
            seconds.append(answer.seconds)
            memory = max(memory, world.process.memory_info().rss)
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.send(b"x")
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    finally:
        for process in flood:
            process.kill()
            process.wait()
    record_property("figure", "receiver, slow and flooding")
    record_property("cases", len(seconds))
    record_property("longest_wait", max(seconds))
    assert memory < 300 * MIB
    for connection in slow:
        assert until(lambda c=connection: _ended(c), 60)
        connection.close()


def _ended(connection: socket.socket) -> bool:
    """Whether the receiver has ended it, however slowly something still comes from here."""
    connection.settimeout(0.05)
    try:
        connection.send(b"x")
        return not connection.recv(4096)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_thousand_pushes_make_a_handful_of_runs(world: SimpleNamespace, record_property) -> None:
    tree = world.repository.git("rev-parse", "HEAD^{tree}")
    commits, parent = [], world.commit
    for number in range(PUSHES):
        parent = world.repository.git("commit-tree", tree, "-p", parent, "-m", str(number))
        commits.append(parent)
    folder = Path(world.repository.url)
    world.repository.git("push", "--quiet", "origin", f"{parent}:refs/heads/all")

    def one(commit: str) -> int:
        subprocess.run(["git", "-C", str(folder), "update-ref", "refs/heads/main", commit], check=True)
        return receivers.send(world.port, "/hooks/burst", push("github", commit)).status

    statuses = [one(c) for c in commits[:-4:4]]
    with ThreadPoolExecutor(8) as pool:  # and others come late and in any order
        statuses += pool.map(
            lambda c: receivers.send(world.port, "/hooks/burst", push("github", c)).status, commits[1::4]
        )
    statuses.append(one(commits[-1]))
    assert set(statuses) == {202}
    until(lambda: commits[-1] in world.prefect.commits, 120)
    asked = [c for c in world.prefect.commits if c in set(commits)]
    record_property("figure", "receiver, burst of pushes")
    record_property("cases", len(statuses))
    assert asked[-1] == commits[-1]
    assert len(asked) == len(set(asked)) <= 15


def test_what_was_accepted_is_delivered_whenever_it_is_killed(
    tmp_path: Path, prefect: PrefectApi, record_property
) -> None:
    """Each commit is asked for by a CI job, as a forge's newest push stands for all before it."""
    config = receivers.write_config(tmp_path, "killed", str(tmp_path / "no-repository.git"), "bearer")
    commits = [f"{number:040x}" for number in range(1, KILLS + 1)]
    for commit in commits:
        with receivers.serving(tmp_path, [config], prefect.server.url, tmp_path / "home") as (server, port):
            assert receivers.send(port, "/hooks/killed", push("bearer", commit)).status == 202
            os.killpg(server.process.pid, signal.SIGKILL)
    with receivers.serving(tmp_path, [config], prefect.server.url, tmp_path / "home"):
        until(lambda: set(commits) <= set(prefect.commits), 600)
        until(lambda: not list((tmp_path / "home/spool/killed").glob("*.json")))
    record_property("figure", "receiver, kill after the answer")
    record_property("cases", KILLS)
    assert [prefect.commits.count(c) for c in commits] == [1] * KILLS
