"""Every end in words and with its code, on machines that lack something; never a traceback unasked."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from deployments.cli.ending import told
from tests.program import ROOT, slipway
from tests.terminal import slipway as at_terminal

WRITING = ["status", "plan", "overrides", "hold bre --reason x", "rollback bre --reason x", "release --no-wait"]


@pytest.fixture
def silent() -> Iterator[str]:
    """Something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as taking:
        yield f"127.0.0.1:{taking.getsockname()[1]}"


@pytest.mark.parametrize("command", [*WRITING, "migrations check"])
def test_a_home_that_is_there_and_cannot_be_written_is_told(
    shop: SimpleNamespace, tmp_path: Path, command: str
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    # As root without root's way past the rights of files.
    without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    argv = [*without, sys.executable, "-m", "deployments", *command.split()]
    env = {**os.environ, **shop.env, "PYTHONPATH": str(ROOT), "SLIPWAY_HOME": str(home)}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False), done.stderr
    if command != "migrations check":
        assert done.stderr.startswith("nothing can be written to the Slipway home\n  where: "), done.stderr


@pytest.mark.parametrize("command", ["status", "hold bre --reason x", "init --app . --gitops . --output x.yaml"])
def test_a_machine_without_git_is_told(
    shop: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    done = slipway(*command.split(), **shop.env, PATH=str(tmp_path))
    assert (done.returncode, done.stderr.splitlines()[:2]) == (2, ["there is no git", "  where: PATH"])


@pytest.mark.parametrize(
    "command", ["release --no-wait", "server apply", f"approve {'0' * 32}", f"plan --run {'0' * 32}"]
)
def test_what_is_no_prefect_server_is_told(shop: SimpleNamespace, command: str) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}/api"
        done = slipway(*command.split(), **shop.env, PREFECT_API_URL=url)
        other.shutdown()
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "what answers is no Prefect server that we understand" in done.stderr
    assert f"where: {url}" in done.stderr


def test_a_port_that_is_taken_is_told(shop: SimpleNamespace, silent: str) -> None:
    done = slipway("dashboard", "--port", silent.rpartition(":")[2], **shop.env)
    assert (done.returncode, "name another --host or --port" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("command", ["status", "hold bre --reason x", "init --app http://{0}/a.git --gitops ."])
def test_ctrl_c_while_others_do_not_answer_leaves_nothing(
    shop: SimpleNamespace, silent: str, slipway_home: Path, command: str
) -> None:
    shop.config.write_text(shop.config.read_text().replace(shop.gitops.url, f"http://{silent}/gitops.git"))
    words = command.format(silent).replace(" .", f" {shop.gitops.work}").split()
    with at_terminal(*words, **shop.env) as terminal:
        terminal.see("ing ")  # what goes on is said: reading, writing, looking
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert list((slipway_home / "scratch").glob("*")) == []


def test_a_mistake_of_ours_is_no_traceback_unless_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in ("", "1"):
        monkeypatch.setenv("SLIPWAY_TRACEBACK", asked)
        with pytest.raises(typer.Exit) as end, told():
            raise LookupError("odd")
        err = capsys.readouterr().err
        assert (end.value.exit_code, "Traceback" in err) == (1, bool(asked))
        assert "Slipway made a mistake: LookupError: odd\n  where: test_ending.py, line " in err
        assert "SLIPWAY_TRACEBACK=1" in err
