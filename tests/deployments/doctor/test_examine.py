"""All looks at once: one that hangs or fails hides no other, and a wrong release.yaml does not end the examination."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from deployments.doctor import clock, customers, examine, git, here, secrets, show
from deployments.doctor.finding import Finding, ok, warning, wrong
from tasks.config.model import Config
from tasks.errors import ConfigInvalid, ServiceUnavailable
from tests.deployments.doctor.settings import settings
from tests.ports import free_port
from tests.program import slipway


def refuse() -> Config:
    raise ConfigInvalid.because("rings: missing", "release.yaml, line 3", "add it")


def test_a_look_that_hangs_or_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("hangs", "so far all right")
        never.wait()
        yield ok("hangs", "never told")

    def is_away() -> Iterator[Finding]:
        raise ServiceUnavailable.because("it does not answer", "somewhere", "start it")

    def has_a_fault() -> Iterator[Finding]:
        raise KeyError("s3cret")

    looks = (("hangs", hangs), ("away", is_away), ("fault", has_a_fault), ("well", lambda: [ok("well", "all right")]))
    monkeypatch.setattr(examine, "ALWAYS", looks)
    found = examine.examine(refuse, limit_seconds=0.5)
    never.set()
    assert [(f.area, f.state) for f in found] == [
        ("release.yaml", "wrong"),
        ("hangs", "ok"),
        ("hangs", "wrong"),
        ("away", "wrong"),
        ("fault", "wrong"),
        ("well", "ok"),
    ]
    assert "no answer within 0.5 s" in found[2].told
    assert found[3].next_step == "start it"
    assert "KeyError" in found[4].told
    assert "s3cret" not in str(found)


def test_every_look_that_needs_release_yaml_runs_on_the_one_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "ALWAYS", ())
    looks = tuple(
        (area, lambda config, area=area: [ok(area, f"{area} of {config.app.name}")]) for area, _ in examine.BY_CONFIG
    )
    monkeypatch.setattr(examine, "BY_CONFIG", looks)
    found = examine.examine(lambda: Config.model_validate(settings()))
    assert [f.area for f in found] == ["release.yaml", *(area for area, _ in looks)]


def test_repositories_are_asked_for_the_branch_its_folders_and_a_push(repository: Callable) -> None:
    app, gitops = repository("app"), repository("gitops")
    app.commit({"api/Dockerfile": "FROM scratch\n"})
    before = gitops.commit({"fjord/deployment.yaml": f"spec: {{image: 'r.no/api@sha256:{'0' * 64}'}}\n"})
    config = Config.model_validate(settings(app.url, gitops.url))
    assert {f.state for f in (*git.app(config), *git.gitops(config))} == {"ok"}
    assert gitops.git("ls-remote", gitops.url).split() == [before, "HEAD", before, "refs/heads/main"]
    assert [f.state for f in customers.read(config)] == ["ok"]
    assert [f.state for f in customers.seen(config)] == ["warning"]  # nobody answers at port 9


def test_what_is_not_there_is_named(repository: Callable, tmp_path: Path) -> None:
    app, gitops = repository("app"), repository("gitops")
    app.commit({"web/Dockerfile": "FROM scratch\n"})
    gitops.commit({"README.md": "x"}, branch="other")
    config = Config.model_validate(settings(app.url, gitops.url))
    (missing,) = [f for f in git.app(config) if f.state == "wrong"]
    assert "api/Dockerfile" in missing.told
    assert "components.api" in missing.next_step
    (no_branch,) = git.gitops(config)
    assert "no branch main" in no_branch.told


def test_a_push_that_the_server_does_not_take_is_wrong(repository: Callable, tmp_path: Path) -> None:
    """A server that serves reading only, as a token without the right to write meets it."""

    from deployments import services

    gitops = repository("gitops")
    gitops.commit({"fjord/deployment.yaml": "spec: {}\n"})
    port = free_port(19600)
    argv = ["git", "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all"]
    argv += [f"--base-path={Path(gitops.url).parent}", str(Path(gitops.url).parent)]
    with services.serving("git", argv, tmp_path / "log", services.environment(), lambda: _listens(port)) as daemon:
        daemon.wait_ready()
        config = Config.model_validate(settings(gitops=f"git://127.0.0.1:{port}/remote.git"))
        found = list(git.gitops(config))
    assert [f.state for f in found] == ["ok", "wrong"], found
    assert "takes no push" in found[1].told


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_secrets_are_looked_at_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hook = {"provider": "github", "repository": "a/b", "secret_env": "HOOK"}
    config = Config.model_validate(settings(webhook=hook, approval={"link": {"secret_file": str(tmp_path / "no")}}))
    monkeypatch.setenv("HOOK", "sh0rt")
    assert [f.state for f in secrets.look(config)] == ["wrong", "wrong"]
    monkeypatch.setenv("HOOK", "long en0ugh to be a secret")
    (tmp_path / "no").write_text("an0ther that is long enough")
    found = list(secrets.look(config))
    assert [f.state for f in found] == ["ok", "ok"]
    assert "en0ugh" not in str(found)
    assert "an0ther" not in str(found)
    monkeypatch.setenv("HOOK", "long en0ugh to be a secret\nand the one that c0mes next")
    (tmp_path / "no").write_text("long en0ugh to be a secret\nand the one that c0mes next")
    assert [f.state for f in secrets.look(config)] == ["ok", "wrong"]  # links are signed with one
    assert [f.state for f in secrets.look(Config.model_validate(settings()))] == ["warning"]


def test_clocks_that_are_apart_are_told() -> None:
    assert [f.state for f in clock.compare("x", "the server", {"date": "Mon, 01 Jan 2035 00:00:00 GMT"})] == ["warning"]
    from email.utils import formatdate

    assert [f.state for f in clock.compare("x", "the server", {"date": formatdate(usegmt=True)})] == ["ok"]
    assert not list(clock.compare("x", "the server", {}))
    assert not list(clock.compare("x", "the server", {"date": "yesterday"}))


def test_a_folder_that_cannot_be_written_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "file" / "home"))
    assert next(f for f in here.look() if "SLIPWAY_HOME" in f.told).state == "wrong"
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "new" / "home"))
    assert next(f for f in here.look() if "SLIPWAY_HOME" in f.told).state != "wrong"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("width", [20, 40, 60, 100, None])
def test_lines_fit_the_terminal_and_lose_no_word(width: int | None) -> None:
    findings = [
        ok("GitOps repository", "all right"),
        warning("registry", "a sentence that is longer than a narrow terminal is wide \x1b[31m", "do this and that"),
        wrong("x", "https://git.example.no/a/very/long/path/that/has/no/space/in/it.git", "mend it"),
    ]
    lines = [line for line, _ in show.lines(findings, width)]
    assert all(len(line) <= max(width or 10_000, 30) for line in lines), lines
    assert "\x1b" not in "".join(lines)
    joined = "".join("".join(lines).split())
    assert all("".join(f.told.split()).replace("\x1b[31m", "") in joined for f in findings)
    assert lines[-1] == "1 ok, 1 warning, 1 wrong"


def test_the_command_ends_with_1_when_something_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "release.yaml").write_text(yaml.safe_dump({"app": {}}))
    env = {"SLIPWAY_CONFIG": str(tmp_path / "release.yaml"), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = slipway("doctor", "--json", **env)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {(f["area"], f["state"]) for f in found} >= {("release.yaml", "wrong"), ("Prefect server", "wrong")}
    assert all(f["next_step"] for f in found if f["state"] != "ok")
    assert os.environ.get("HOME", "-") not in done.stderr
