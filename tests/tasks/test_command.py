"""A program's output is streamed, its failure shows the end of it, its time limit holds in any thread."""

import logging
import threading
from pathlib import Path

import pytest

from tasks.command import CommandFailed, printable, run


def test_lines_reach_the_log_as_they_come_and_the_file_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tasks")
    tail = run(["sh", "-c", "echo one; echo two >&2"], name="say", timeout_seconds=10, log_file=tmp_path / "log")
    assert sorted(tail) == ["one", "two"]
    assert {"say: one", "say: two"} <= set(caplog.messages)
    assert sorted((tmp_path / "log").read_text().split()) == ["one", "two"]


def test_a_failure_shows_the_last_forty_lines_and_where_the_rest_is(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "seq 1 100; exit 3"], name="count", timeout_seconds=10, log_file=tmp_path / "log")
    assert "exit code 3" in str(caught.value)
    assert caught.value.tail == tuple(str(n) for n in range(61, 101))
    assert str(tmp_path / "log") in str(caught.value)


def test_the_time_limit_holds_in_a_thread() -> None:
    errors: list[Exception] = []

    def hang() -> None:
        try:
            run(["sleep", "30"], name="hang", timeout_seconds=0.3)
        except CommandFailed as error:
            errors.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert "stopped after its limit of 0.3 s" in str(errors[0])


def test_control_characters_cannot_forge_lines() -> None:
    assert printable("a\x1b[2Jb\rc") == "a\\x1b[2Jb\\x0dc"
    assert printable("\x1b[1;32mgreen\x1b[0m") == "green"
