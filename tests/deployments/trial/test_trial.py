"""`slipway test`: a release's suites on a developer's machine, on a commit or on files that nobody committed yet."""

import datetime
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from deployments.trial import contents
from tasks import containers
from tasks.config.model import Config
from tasks.images import proofs
from tasks.models import ReusedFrom, SuiteResult
from tasks.source import working_tree
from tasks.suites import claims
from tests.program import ROOT, slipway

pytestmark = pytest.mark.usefixtures("base_images")
DOCKERFILE = (
    'FROM python:3.13-slim AS test\nWORKDIR /app\nCOPY . .\nFROM test\nCMD ["python", "-m", "http.server", "80"]\n'
)
CHECK = """
import os
right = open("number.txt").read() == "1\\n"
failure = "" if right else "<failure message='2 is not 1'>check.py:3: AssertionError</failure>"
print("looked at number.txt")
with open(os.environ["JUNIT"], "w") as file:
    file.write(f"<testsuite><testcase classname='check' name='number'>{failure}</testcase></testsuite>")
raise SystemExit(not right)
"""
SMOKE = "python -c 'import urllib.request; print(urllib.request.urlopen(\"http://api/number.txt\").read())'"


ONE_PART_HAS_A_TEST = (
    '[ $PROJECT$SHARD = chromium1 ] && test=\'<testcase name="a"/>\'; echo "<testsuite>$test</testsuite>" > $JUNIT'
)


@pytest.fixture
def app(repository: Callable, tmp_path: Path) -> SimpleNamespace:
    """A checkout of an app, and a release.yaml that names a remote nobody reaches."""
    checkout = repository("app")
    files = {"api/Dockerfile": DOCKERFILE, "api/check.py": CHECK, "api/number.txt": "1\n", ".gitignore": "ignored\n"}
    checkout.commit({**files, "e2e/Dockerfile": "FROM python:3.13-slim\n"})
    component = {
        "path": "api",
        "image": "registry.example/api",
        "run": {"port": 80, "health": "/number.txt"},
        "suites": {
            "unit": {"run": "python check.py"},
            "lint": {"run": "test ! -e ignored && ls"},
            "long": {"run": "echo begun; sleep 600"},
        },
    }
    settings = {
        "app": {
            "name": tmp_path.name.replace("_", "-")[:40].strip("-").lower(),
            "repository": "https://git.example/app",
        },
        "components": {"api": component},
        "e2e": {"path": "e2e", "smoke": SMOKE},
        "gitops": {"repository": "gitops", "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
        "rings": [{"name": "all", "customers": "*"}],
        "rollout": {"versions": {"api": "/version"}},
    }
    config = tmp_path / "release.yaml"

    def configure(e2e: dict[str, Any] | None = None, **api: Any) -> Config:
        """release.yaml with these settings of the component and of the end-to-end tests changed."""
        components = {"api": component | api}
        whole = settings | {"components": components, "e2e": settings["e2e"] | (e2e or {})}
        config.write_text(yaml.safe_dump(whole))
        return Config.model_validate(whole)

    configure()
    env = {"SLIPWAY_CONFIG": str(config)}
    return SimpleNamespace(work=checkout.work, git=checkout.git, commit=checkout.commit, env=env, configure=configure)


def run(app: SimpleNamespace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return slipway("test", "--path", str(app.work / "api"), *arguments, **app.env)


def test_the_commit_passes_and_what_is_not_committed_fails_with_its_lines(app: SimpleNamespace) -> None:
    (app.work / "api" / "number.txt").write_text("2\n")
    (app.work / "api" / "ignored").write_text("")
    (app.work / "api" / "staged.txt").write_text("")
    app.git("add", "api/staged.txt")
    before = app.git("status", "--porcelain"), (app.work / ".git" / "index").read_bytes()
    objects = set((app.work / ".git" / "objects").rglob("*"))

    committed = run(app, "api/unit", "api/lint")
    assert committed.returncode == 0, committed.stderr
    assert "api/unit: passed: 1 passed, " in committed.stdout and "api/lint: passed: " in committed.stdout

    changed = run(app, "api/unit", "api/lint", "--uncommitted")
    assert changed.returncode == 1
    assert "api/unit: FAILED: 1 failed, " in changed.stdout
    assert "check::number failed: 2 is not 1" in changed.stdout and "    check.py:3: AssertionError" in changed.stdout
    assert "api/lint: passed" in changed.stdout  # what git ignores does not get there

    assert (app.git("status", "--porcelain"), (app.work / ".git" / "index").read_bytes()) == before
    assert set((app.work / ".git" / "objects").rglob("*")) == objects

    told = run(app, "api/unit", "-u", "--json", "--no-reuse", "-v")
    (unit,) = json.loads(told.stdout)
    assert (unit["name"], unit["result"]["failed"][0]["name"], told.returncode) == ("api/unit", "check::number", 1)
    assert "looked at number.txt" in told.stderr and "test image reused" not in told.stderr


def test_end_to_end_runs_on_images_that_no_registry_has(app: SimpleNamespace) -> None:
    done = run(app, "e2e", "-v")
    assert done.returncode == 0, done.stderr
    assert "e2e: passed: " in done.stdout and "b'1\\n'" in done.stderr


def test_a_suite_in_the_last_stage_is_given_files_as_they_are(app: SimpleNamespace) -> None:
    suite = {"run": "grep 1 /put/here/number.txt", "target": None, "files": {".": "/put/here"}, "retries": 0}
    app.commit({"api/Dockerfile": "FROM python:3.13-slim\n"})
    app.configure(suites={"last": suite})
    assert run(app, "api/last").returncode == 0
    (app.work / "api" / "number.txt").write_text("2\n")
    assert run(app, "api/last", "-u").returncode == 1


def test_what_is_shared_is_taken_as_it_is_too(app: SimpleNamespace) -> None:
    app.commit(
        {"api/Dockerfile": "FROM python:3.13-slim AS test\nCOPY . /app/\nWORKDIR /app\n", "lib/number.txt": "1\n"}
    )
    app.configure(shared=["lib"], suites={"unit": {"run": "grep 1 lib/number.txt", "retries": 0}})
    (app.work / "lib" / "number.txt").write_text("2\n")
    assert run(app, "api/unit").returncode == 0
    assert run(app, "api/unit", "-u").returncode == 1


def test_an_image_made_with_other_settings_is_made_anew(app: SimpleNamespace) -> None:
    app.commit({"api/Dockerfile": "FROM python:3.13-slim AS test\nARG NUMBER\nENV NUMBER=$NUMBER\n"})
    for number in ("1", "2"):
        app.configure(build={"args": {"NUMBER": number}}, suites={"unit": {"run": f"test $NUMBER = {number}"}})
        done = run(app, "api/unit")
        assert done.returncode == 0, done.stdout


def test_what_a_release_has_proven_is_taken_over_and_said(app: SimpleNamespace, registry_address: str) -> None:
    image = f"{registry_address}/{app.work.parent.parent.name.lower().replace('_', '-').strip('-')}"
    config = app.configure(image=image)
    tried = contents.changes(config, working_tree.read(config, app.work))
    claim = claims.of_suite(config, tried.component("api"), "unit", tried.digests)
    result = SuiteResult(suite="unit", component="api", passed=41, seconds=1, junit=True)
    proofs.keep(claim, result, ReusedFrom.now("0f1e2d3c", ""))

    done = run(app, "api/unit")
    assert done.returncode == 0 and "api/unit: passed: 41 passed" in done.stdout and "of 0f1e2d3c" in done.stdout
    assert "api/unit: passed: 1 passed" in run(app, "api/unit", "--no-reuse").stdout
    (app.work / "api" / "more.txt").write_text("")
    assert "api/unit: passed: 1 passed" in run(app, "api/unit", "-u").stdout, "other content"


def test_every_part_of_the_end_to_end_tests_runs(app: SimpleNamespace) -> None:
    app.configure(e2e={"smoke": ONE_PART_HAS_A_TEST, "projects": ["chromium", "firefox"], "shards": 2})
    done = run(app, "e2e")
    names = [f"e2e {project} {n} of 2: passed: " for project in ("chromium", "firefox") for n in (1, 2)]
    assert [name for name in names if name not in done.stdout] == []
    assert done.returncode == 1 and "e2e smoke firefox: none of its 2 parts ran a test" in done.stdout


def test_what_is_in_quarantine_is_forgiven_as_in_a_release(app: SimpleNamespace) -> None:
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=2)
    entry = {"test": "check::number", "suite": "api/unit", "owner": "kari", "reason": "wrong", "until": until}
    app.commit({"api/number.txt": "2\n"})
    assert run(app, "api/unit").returncode == 1
    (app.work / ".slipway").mkdir()
    (app.work / ".slipway" / "quarantine.yaml").write_text(yaml.safe_dump([entry]))
    assert run(app, "api/unit").returncode == 1, "it is not committed"
    done = run(app, "api/unit", "-u")
    assert done.returncode == 0 and "1 in quarantine" in done.stdout, done.stdout


def test_an_interrupt_ends_the_containers(app: SimpleNamespace) -> None:
    argv = [sys.executable, "-m", "deployments", "test", "api/long", "-v", "--path", str(app.work)]
    env = {**os.environ, **app.env, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr and any("begun" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert f"process-{process.pid}" not in containers.labelled_runs()


def test_a_name_that_is_no_suites_is_answered_with_those_that_there_are(app: SimpleNamespace) -> None:
    done = run(app, "api/units")
    assert done.returncode == 2
    assert "no suite api/units" in done.stderr and "there are api/lint, api/long, api/unit, e2e" in done.stderr


def test_a_folder_without_a_checkout_is_refused(app: SimpleNamespace, tmp_path: Path) -> None:
    done = slipway("test", "--path", str(tmp_path), **app.env)
    assert (done.returncode, "no checkout with a commit" in done.stderr) == (1, True)
