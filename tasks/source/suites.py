"""Tests and linters that a component's test target can run, as commands that write JUnit where the tool can."""

import re

from tasks.source.dockerfile import Dockerfile
from tasks.source.packages import Packages
from tasks.source.recognised import FoundSuite, Seen
from tasks.source.snapshot import Snapshot, joined

NODE_TEST = (
    "node --test --test-reporter=spec --test-reporter-destination=stdout "
    "--test-reporter=junit --test-reporter-destination=$JUNIT"
)
NO_TEST = "no test specified"


def suites(snapshot: Snapshot, packages: Packages, dockerfile: Dockerfile) -> tuple[FoundSuite, ...]:
    """The suites of a component; none without a build target that has the test tools."""
    target = dockerfile.test_target()
    if target is None:
        return ()
    name, sure = target
    found = {"unit": _tests(snapshot, packages), "lint": _lint(snapshot, packages)}
    services = ("postgres",) if packages.uses_postgres else ()
    return tuple(
        FoundSuite(
            name=suite,
            run=run.model_copy(update={"sure": run.sure and sure}),
            target=name,
            services=services if suite == "unit" else (),
        )
        for suite, run in found.items()
        if run
    )


def _tests(snapshot: Snapshot, packages: Packages) -> Seen | None:
    if packages.language == "Python":
        return _pytest(snapshot, packages)
    if packages.language == "JavaScript":
        return _node(snapshot, packages)
    if packages.language == "Go" and snapshot.named(r".*_test\.go", packages.folder):
        return Seen(value="go test ./...", why=f"_test.go files beside {packages.why}", sure=False)
    return None


def _pytest(snapshot: Snapshot, packages: Packages) -> Seen | None:
    tests = snapshot.named(r"test_.*\.py|.*_test\.py", packages.folder)
    if "pytest" in packages.dependencies or any(
        joined(packages.folder, f) in snapshot.files for f in ("pytest.ini", "conftest.py")
    ):
        return Seen(value="pytest -q --junitxml=$JUNIT", why=f"pytest in {packages.why}")
    if joined(packages.folder, "manage.py") in snapshot.files:
        return Seen(value="python manage.py test", why=joined(packages.folder, "manage.py"), sure=False)
    return Seen(value="pytest -q --junitxml=$JUNIT", why=f"tests such as {tests[0]}", sure=False) if tests else None


def _node(snapshot: Snapshot, packages: Packages) -> Seen | None:
    script = packages.scripts.get("test", "")
    why = f'script "test" in {packages.why}'
    if "vitest" in script or ("vitest" in packages.dependencies and not script):
        command = "npx vitest run --reporter=default --reporter=junit --outputFile.junit=$JUNIT"
        return Seen(value=command, why=f"vitest: {why}" if script else f"vitest in {packages.why}")
    if "jest" in script and "jest-junit" in packages.dependencies:
        command = "JEST_JUNIT_OUTPUT_FILE=$JUNIT npx jest --ci --reporters=default --reporters=jest-junit"
        return Seen(value=command, why=f"jest and jest-junit: {why}")
    if re.search(r"\bmocha\b", script):
        return Seen(value="npx mocha --reporter xunit --reporter-option output=$JUNIT", why=f"mocha: {why}", sure=False)
    if script and "--test" in script and "node" in script:
        return Seen(value=NODE_TEST, why=f"node --test: {why}")
    if script and NO_TEST not in script:
        return Seen(value=f"{packages.runner} test", why=f"{why}; the exit code alone is judged")
    tests = snapshot.named(r".*\.test\.(js|mjs|cjs)", packages.folder)
    return Seen(value=NODE_TEST, why=f"tests such as {tests[0]}", sure=False) if tests else None


def _lint(snapshot: Snapshot, packages: Packages) -> Seen | None:
    if packages.language == "JavaScript" and "lint" in packages.scripts:
        return Seen(value=f"{packages.runner} run lint", why=f'script "lint" in {packages.why}')
    if packages.language != "Python":
        return None
    config = next((f for f in ("ruff.toml", ".ruff.toml") if joined(packages.folder, f) in snapshot.files), None)
    project = joined(packages.folder, "pyproject.toml")
    if config or "[tool.ruff" in snapshot.text(project):
        return Seen(value="ruff check .", why=joined(packages.folder, config or "pyproject.toml"))
    if "ruff" in packages.dependencies:
        return Seen(value="ruff check .", why=f"ruff in {packages.why}")
    return None
