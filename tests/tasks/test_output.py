"""What programs print reaches log and file in order, masked, printable and within bounds, whatever pieces it comes in."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import output
from tasks.output import follow, lines_of
from tasks.secrets.masking import learn
from tests.canaries import CANARIES

TOKEN = CANARIES["token"]


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tasks")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_lines_are_the_same_whatever_pieces_they_come_in(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert list(lines_of(pieces)) == list(lines_of([whole] if whole else []))
    assert "\n".join(lines_of(pieces)) == whole.removesuffix(b"\n").decode(errors="replace")


def test_a_secret_in_two_writes_is_masked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    learn(TOKEN)
    said = f"token={TOKEN}.\n".encode()
    for at in range(1, len(said)):
        assert follow([said[:at], said[at:]], "test", tmp_path / "log") == ("token=***.",)
    assert set((tmp_path / "log").read_text().split()) == {"token=***."}
    assert set(caplog.messages) == {"test: token=***."}


@pytest.mark.parametrize("before", [0, 10, 85, 95, 99, 100, 150, 185, 199])
def test_a_line_without_end_is_cut_but_no_secret_with_it(before: int) -> None:
    learn(TOKEN)
    said = [b"x" * before + TOKEN.encode() + b"y" * 400]
    lines = list(lines_of(said, limit=100))
    assert "".join(lines).encode() == said[0]
    assert all(len(line) <= 200 for line in lines)
    assert [line for line in lines if TOKEN in line], "whole in one of the lines, where it is masked"


def test_a_progress_bar_is_one_line_of_the_log_and_the_file_has_every_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tail = follow([b"10 %\r50 ", b"%\r100 %\r\ndone\r\n", b"last, without end"], "get", tmp_path / "log")
    assert tail == ("100 %", "done", "last, without end")
    assert caplog.messages == ["get: 100 %", "get: done", "get: last, without end"]
    assert (tmp_path / "log").read_text() == "10 %\n50 %\n100 %\ndone\nlast, without end\n"


def test_bytes_that_are_no_text_and_signs_that_lie_are_spelled_out(tmp_path: Path) -> None:
    said = b"\xff\x00 \x1b[31mred\x1b[0m \x1b]0;title\x07 " + "\u202egnp.exe".encode() + b"\n"
    (line,) = follow([said], "test", tmp_path / "log")
    assert line == "\ufffd\\x00 red \\x1b]0;title\\x07 \\x202egnp.exe"
    assert (tmp_path / "log").read_text() == f"{line}\n"


def test_more_lines_than_the_log_takes_are_in_the_file_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOGGED_LINES", 5)
    monkeypatch.setattr(output, "FILE_CHARACTERS", 30)
    tail = follow((b"line %d\n" % n for n in range(100)), "loud", tmp_path / "log")
    assert caplog.messages[:5] == [f"loud: line {n}" for n in range(5)]
    assert caplog.messages[5:] == [f"loud: more than 5 lines; the rest is in {tmp_path / 'log'}"]
    assert (tmp_path / "log").read_text().splitlines() == [
        *(f"line {n}" for n in range(5)),
        "(more was said than is kept)",
    ]
    assert tail[-1] == "line 99"


def test_a_very_long_line_is_short_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    follow([b"z" * 5000 + b"\n"], "long", tmp_path / "log")
    assert caplog.messages == [f"long: {'z' * 4000} (1000 more characters)"]
    assert (tmp_path / "log").read_text() == "z" * 5000 + "\n"


def test_old_output_goes_and_the_oldest_when_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "KEPT_BYTES", 25)
    now = 100 * 86400.0
    for number, days in enumerate((0, 1, 2, 40)):
        path = tmp_path / f"room{number % 2}" / f"{days}.log"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * 10)
        os.utime(path, (now - days * 86400,) * 2)
    output.tidy(tmp_path, now)
    assert {p.name for p in tmp_path.rglob("*.log")} == {"0.log", "1.log"}
    monkeypatch.setattr(output, "KEPT_BYTES", 1000)
    output.tidy(tmp_path, now + 30 * 86400)
    assert {p.name for p in tmp_path.rglob("*.log")} == {"0.log"}
    output.tidy(tmp_path / "no such folder", now)
