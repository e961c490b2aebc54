"""`slipway test`: a release's suites on a developer's machine, on a commit or on files that nobody committed yet."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tasks import containers
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
    config.write_text(yaml.safe_dump(settings))
    return SimpleNamespace(work=checkout.work, git=checkout.git, env={"SLIPWAY_CONFIG": str(config)})


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
