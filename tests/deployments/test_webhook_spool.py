"""What is accepted stays until it is dealt with, in the order in which it came, whatever lies beside it."""

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployments.hooks import spool as spools
from deployments.hooks.spool import Hint, Spool
from tasks.errors import ConfigInvalid, ServiceUnavailable


def hint(number: int) -> Hint:
    return Hint(commit=f"{number:040x}", by="github", received=time.time())


def test_what_was_kept_is_there_for_the_next_process_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool/shop")
    for number in range(5):
        spool.add(hint(number))
    again = Spool(tmp_path / "spool/shop")
    assert [w.hint for w in again.waiting()] == [w.hint for w in spool.waiting()]
    assert [int(w.hint.commit, 16) for w in again.waiting()] == [0, 1, 2, 3, 4]
    again.remove(again.waiting()[:3])
    assert (again.count, len(Spool(tmp_path / "spool/shop").waiting())) == (2, 2)


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.add(hint(1))
    monkeypatch.setattr(spools.time, "time_ns", lambda: 5)
    spool.add(hint(2))
    assert [int(w.hint.commit, 16) for w in spool.waiting()] == [1, 2]


def test_several_threads_lose_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: spool.add(hint(n)), range(100)))
    assert {int(w.hint.commit, 16) for w in spool.waiting()} == set(range(100))
    assert spool.count == 100


@pytest.mark.parametrize("content", [b"", b"{", b'{"commit": "main", "by": "github", "received": 1}', b"\xff"])
def test_what_cannot_be_read_keeps_nothing_waiting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{5:020d}-00000000.json").write_bytes(content)
    (tmp_path / "asked").write_bytes(content)
    spool = Spool(tmp_path)
    spool.add(hint(1))
    assert [w.hint.commit for w in spool.waiting()] == [hint(1).commit]
    assert [p.suffix for p in tmp_path.glob("*.broken")] == [".broken"]
    assert spool.count == 1, "the poll waits for what waits, and for nothing else"
    assert spool.asked.last is None
    spool.record(hint(1).commit)
    assert Spool(tmp_path).asked.last == hint(1).commit


def test_nothing_is_put_aside_because_a_flood_holds_every_open_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    name = spool.add(hint(1))
    spool.record(hint(0).commit)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as last:  # it has the lowest number that was free
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, hard))
        try:
            for read in (spool.waiting, lambda: spool._read(name), lambda: spool.asked):
                with pytest.raises(ServiceUnavailable, match="Too many open files"):
                    read()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [w.hint.commit for w in spool.waiting()] == [hint(1).commit]
    assert (spool.count, spool.asked.last) == (1, hint(0).commit)


def test_a_file_that_was_not_finished_was_never_accepted(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000005-00000000.json.aa.new").write_text("{")
    spool = Spool(tmp_path)
    assert (spool.waiting(), list(tmp_path.iterdir())) == ([], [])


def test_what_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "a/b")
    (tmp_path / "a/b").rmdir()
    with pytest.raises(ServiceUnavailable, match="cannot be kept"):
        spool.add(hint(1))
    monkeypatch.setattr(spools, "MOST", 0)
    with pytest.raises(ServiceUnavailable, match="0 deliveries wait"):
        spool.add(hint(1))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(ConfigInvalid, match="deliveries cannot be kept") as refused:
        Spool(tmp_path / "spool" / "shop")
    assert "SLIPWAY_HOME" in refused.value.reasons[0].next_step


def test_what_was_asked_for_is_remembered_a_while(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.record(hint(0).commit, run=False)
    assert (spool.asked.last, spool.asked.commits) == (hint(0).commit, ())
    for number in range(1, spools.REMEMBERED + 3):
        spool.record(hint(number).commit)
    assert spool.asked.commits[0] == hint(3).commit
    assert (spool.asked.commits[-1], len(spool.asked.commits)) == (spool.asked.last, spools.REMEMBERED)
