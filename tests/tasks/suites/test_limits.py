"""Suites that take all they can get: each ends with its limit's name and how to raise it, and nothing is left behind."""

import resource
from pathlib import Path
from typing import Any

import pytest

from tasks import containers
from tasks.suites.verdict import SuiteFailed
from tests.tasks.suites.suite_app import run

pytestmark = pytest.mark.usefixtures("base_images")
SMALL = {"memory": "64m", "pids": 50, "disk": "20m", "output": "200k"}
FORKS = """python -c "
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(1)
" """
MANY_FILES = "for i in $(seq 2000); do head -c 4M /dev/zero > /tmp/file$i || exit 1; done"
ONE_TEST = '<testsuite><testcase classname="a" name="b"/></testsuite>'


def ours() -> list[str]:
    label = {"label": f"{containers.RUN_LABEL}={containers.run_id()}"}
    return [c["Id"] for c in containers.engine().api.containers(all=True, filters=label)]


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        ("echo begun; sleep 60", {"timeout": 1}, r"time limit: it ran for more than 1 s.*begun.*suites\.unit\.timeout"),
        (FORKS, {}, r"process limit: it had 50 processes.*suites\.unit\.limits\.pids"),
        ("head -c 10G /dev/zero > /tmp/file", {}, r"disk limit: it wrote 20m.*suites\.unit\.limits\.disk"),
        (MANY_FILES, {}, r"disk limit: it wrote 20m.*limits\.disk"),
        ("yes 0123456789", {}, r"output limit: it printed more than 200k.*0123456789.*limits\.output"),
        ("cat /dev/zero", {}, r"output limit.*\\x00\\x00.*limits\.output"),
        (
            "python -c 'bytearray(200_000_000)[::4096] = bytes(48829)'",
            {},
            r"memory limit: it needed more than 64m.*limits\.memory",
        ),
    ],
    ids=["hangs", "forks", "one file", "many files", "output", "a line without end", "memory"],
)
def test_over_a_limit_it_is_ended_by_name(
    command: str, settings: dict[str, Any], words: str, slipway_home: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SuiteFailed, match=f"(?s){words}") as failed:
        run(command, **{"timeout": 30, "limits": SMALL, **settings})
    assert len(failed.value.reasons) == 1 and len(str(failed.value)) < 15_000
    assert failed.value.gate == "suites"  # it did not pass, and is known to: a person may override it
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    (log,) = (slipway_home / "runs").glob("*/*/output.log")
    assert log.stat().st_size < 5 * 205_000  # a control byte is spelled out
    assert ours() == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo '<testsuite' > $JUNIT", "JUnit file cannot be read: not XML"),
        ("truncate -s 200m $JUNIT", "JUnit file cannot be read: it is too large"),
        ("mkfifo $JUNIT", r"names \$JUNIT, but no file was written"),
        ("mkdir $JUNIT; echo 1 > $JUNIT/file", "JUnit file cannot be read: not a file"),
        ("echo pytest --junitxml=$JUNIT", r"names \$JUNIT, but no file was written"),
        ("echo '<testsuite/>' > $JUNIT", "it ran no test"),
        (f"echo '{ONE_TEST}' > $JUNIT; exit 5", "ended with exit code 5"),
        ("printf 'a\\033[2Jb\\rc\\001\\377\\n'; exit 3", r"ended with exit code 3\n +c\\x01"),
    ],
    ids=["broken", "enormous", "a pipe", "a folder", "not written", "empty", "green file, red exit", "control bytes"],
)
def test_what_it_leaves_decides(command: str, words: str) -> None:
    with pytest.raises(SuiteFailed, match=words):
        run(command, timeout=30)


def test_what_it_leaves_running_ends_with_it() -> None:
    result = run(f"setsid sleep 600 & sleep 600 & echo '{ONE_TEST}' > $JUNIT")
    assert (result.passed, ours()) == (1, [])


def test_an_empty_suite_passes_where_it_may() -> None:
    assert run("echo '<testsuite/>' > $JUNIT", allow_empty=True).passed == 0
    assert run("echo nothing to do").junit is False


def test_a_suite_finds_nothing_of_the_worker(slipway_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its environment, home, secrets or Docker socket; and no rights to get at them."""
    (slipway_home / "secret").write_text("canary-of-the-home")
    monkeypatch.setenv("SLIPWAY_TOKEN", "canary-of-the-environment")
    looks = [
        "env",
        f"cat {slipway_home}/secret {Path.home()}/.netrc {Path.home()}/.docker/config.json",
        "ls /var/run/docker.sock /run/docker.sock /root/.ssh",
        "mount -t tmpfs none /mnt; mknod /tmp/disk b 8 0",
        "grep -E 'NoNewPrivs|CapEff' /proc/self/status",
        "python -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
        "python -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 2)'",
    ]
    with pytest.raises(SuiteFailed) as failed:
        run(f"exec 2>&1; {'; '.join(looks)}; exit 1")
    said = str(failed.value)
    assert "canary" not in said and "SLIPWAY_TOKEN" not in said
    assert said.count("No such file or directory") == 6
    assert "mount: /mnt: permission denied" in said and "mknod: /tmp/disk: Operation not permitted" in said
    assert "NoNewPrivs:\t1" in said
    assert (
        int(said.partition("CapEff:\t")[2].split()[0], 16) & (1 << 13 | 1 << 21 | 1 << 27) == 0
    )  # NET_RAW, SYS_ADMIN, MKNOD
    assert said.count("PermissionError") == 1  # the raw socket
    assert said.count("TimeoutError") + said.count("Network is unreachable") == 1  # the way out
