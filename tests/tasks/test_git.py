"""Mirrors go on after a git or a Slipway that was killed in the middle, and what those left goes away."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import git
from tasks.errors import ConfigInvalid
from tasks.git import FETCHING, PACKS, STALE_SECONDS, Mirror, tidy
from tasks.gitops.push import write_blobs
from tasks.home import home


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def age(path: Path) -> None:
    os.utime(path, (path.stat().st_mtime - STALE_SECONDS - 1,) * 2)


def refs(mirror: Mirror) -> list[str]:
    return mirror.run("for-each-ref", "--format=%(refname)", FETCHING).split()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ConfigInvalid, match="the Slipway home cannot be made") as refused:
        home()
    assert "SLIPWAY_HOME" in refused.value.reasons[0].next_step


def test_a_mirrors_folder_is_not_named_after_a_password() -> None:
    one, other = (Mirror.open(f"https://kari:{secret}@git.example/shop/app.git") for secret in ("Pa55+w0rd@x", "old"))
    for mirror in (one, other):
        assert mirror.directory.name.startswith("https-git.example-shop-app.git-")
    assert one.directory != other.directory
    assert Mirror.open("git@git.example:shop/app.git").directory.name.startswith("git-git.example-shop-app.git-")


def test_a_fetch_is_not_in_the_way_of_locks_that_a_killed_git_left(repository: Callable[[str], Any]) -> None:
    remote = repository("remote")
    remote.commit({"a": "1"})
    mirror = Mirror.open(remote.url)
    mirror.fetch("main")
    mirror.run("pack-refs", "--all")
    for lock in ("packed-refs.lock", "refs/slipway/main.lock"):
        (mirror.directory / lock).touch()
    newer = remote.commit({"a": "2"})
    assert mirror.fetch("main") == newer
    assert mirror.has_commit(newer)


def test_tidying_removes_what_the_dead_left_and_nothing_of_the_living(
    repository: Callable[[str], Any], slipway_home: Path, dead: int
) -> None:
    remote = repository("remote")
    commit = remote.commit({"a": "1"})
    mirror = Mirror.open(remote.url)
    mirror.fetch("main")
    here = socket.gethostname()
    names = {n: f"{n}.00ff00ff00ff.{here}" for n in (dead, os.getpid())} | {0: f"{dead}.00ff00ff00ff.elsewhere"}
    for name in names.values():
        mirror.run("update-ref", f"{FETCHING}/{name}", commit)
        (slipway_home / "scratch" / f"index.{name}").mkdir(parents=True)
    locks = [mirror.directory / "packed-refs.lock", mirror.directory / "refs/slipway/old.lock"]
    unfinished = [mirror.directory / "objects/pack/tmp_pack_new", mirror.directory / "objects/pack/tmp_pack_old"]
    for path in (*locks, *unfinished):
        path.touch()
    for path in (locks[1], unfinished[1]):
        age(path)

    git.tidy()
    assert [p.exists() for p in (*locks, *unfinished)] == [True, False, True, False]
    assert {p.name for p in (slipway_home / "scratch").iterdir()} == {f"index.{names[n]}" for n in (os.getpid(), 0)}

    age(locks[0])  # as long as it is there no ref can be deleted, and nothing else is the worse for it
    git.tidy()
    assert set(refs(mirror)) == {f"{FETCHING}/{names[n]}" for n in (os.getpid(), 0)}


def test_many_packs_become_few_and_no_object_is_lost(repository: Callable[[str], Any]) -> None:
    remote = repository("remote")
    mirror, commits = Mirror.open(remote.url), []
    for n in range(PACKS + 2):
        remote.commit({"a": f"{n}\n"})
        commits.append(mirror.fetch("main"))
    waiting = [f"edit {n}\n".encode() for n in range(150)]  # more than git writes loose
    blobs = write_blobs(mirror, waiting)
    tidy()
    assert len(list((mirror.directory / "objects/pack").glob("*.pack"))) < PACKS / 4
    assert all(mirror.run_bytes("cat-file", "blob", b) == c for b, c in zip(blobs, waiting, strict=True))
    assert mirror.run("rev-list", "--count", commits[-1]) == str(PACKS + 2)
    assert mirror.fetch("main") == commits[-1]


def test_an_interrupt_leaves_no_timer_that_the_program_would_wait_for(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            signal.setitimer(signal.ITIMER_REAL, 1)
            with pytest.raises(KeyboardInterrupt):
                Mirror(tmp_path, "").run("ls-remote", f"http://127.0.0.1:{silent.getsockname()[1]}/a.git")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    waiting = [t for t in threading.enumerate() if isinstance(t, threading.Timer) and not t.finished.is_set()]
    assert [t for t in waiting if t.function.__module__ == "git.cmd"] == []
