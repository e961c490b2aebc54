"""End-to-end tests of an app: Playwright, Cypress, or a folder that is called so."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tasks.source import dockerfile as dockerfiles
from tasks.source import packages
from tasks.source.context import context
from tasks.source.recognised import FoundEndToEnd, Seen
from tasks.source.snapshot import Snapshot, joined

FOLDERS = ("e2e", "e2e-tests", "end-to-end", "endtoend", "playwright", "cypress", "smoke", "smoke-tests", "acceptance")
DOCKERFILES = ("Dockerfile.e2e", "Dockerfile.playwright", "Dockerfile.cypress")
CONFIGS = r"(playwright|cypress)\.config\.(ts|js|mjs|cjs|mts)"
PLAYWRIGHT = "PLAYWRIGHT_JUNIT_OUTPUT_FILE=$JUNIT npx playwright test --reporter=list,junit"
CYPRESS = "npx cypress run --reporter junit --reporter-options mochaFile=$JUNIT"
PYTEST = "pytest -q --junitxml=$JUNIT"


def end_to_end(snapshot: Snapshot) -> tuple[FoundEndToEnd, ...]:
    """Every folder of end-to-end tests, those that have a Dockerfile first."""
    found = [e for folder in _folders(snapshot) if (e := _suite(snapshot, folder))]
    return tuple(sorted(found, key=lambda e: (e.dockerfile is None, e.path.count("/"), e.path)))


def _folders(snapshot: Snapshot) -> list[str]:
    configs = {str(PurePosixPath(f).parent) for f in snapshot.named(CONFIGS)}
    requirements = snapshot.named(packages.REQUIREMENT_FILES)
    snapshot.load(requirements)
    configs |= {str(PurePosixPath(f).parent) for f in requirements if "pytest-playwright" in snapshot.text(f)}
    named = {p for f in snapshot.files for p in _parents(f) if PurePosixPath(p).name in FOLDERS}
    # `e2e/playwright/x` belongs to `e2e`.
    return sorted(f for f in configs | named if not any(f.startswith(f"{o}/") for o in configs | named if o != "."))


def _parents(path: str) -> Iterator[str]:
    yield from (str(p) for p in PurePosixPath(path).parents if str(p) != ".")


def _suite(snapshot: Snapshot, folder: str) -> FoundEndToEnd | None:
    file = joined(folder, "Dockerfile")
    own = file in snapshot.files
    if own and PurePosixPath(folder).name not in FOLDERS and dockerfiles.parse(snapshot.text(file)).values("EXPOSE"):
        own = False  # that image serves the app; the tests beside it need one of their own
    smoke, full, why = _commands(snapshot, folder)
    special = [f for f in DOCKERFILES if joined(folder, f) in snapshot.files]
    if not own and not why:
        return None
    dockerfile = "Dockerfile" if own else next(iter(special), None)
    return FoundEndToEnd(
        path=folder,
        dockerfile=dockerfile,
        shared=_shared(snapshot, joined(folder, dockerfile)) if dockerfile else (),
        address=_address(snapshot, why),
        smoke=smoke,
        full=full,
        why=why or f"{folder}/",
    )


def _shared(snapshot: Snapshot, file: str) -> tuple[str, ...]:
    return context(snapshot, file, dockerfiles.parse(snapshot.text(file))).shared


def _address(snapshot: Snapshot, config: str) -> str:
    """The variable that Playwright's or Cypress' configuration takes the app's address from."""
    found = re.search(r"process\.env\.(\w*BASE_?URL\w*)", snapshot.text(config))
    return found[1] if found else "BASE_URL"


def _commands(snapshot: Snapshot, folder: str) -> tuple[Seen, Seen | None, str]:
    config = next((f for f in snapshot.named(CONFIGS, folder)), "")
    if "playwright" in PurePosixPath(config).name:
        return (*_marked(snapshot, folder, PLAYWRIGHT, " --grep @smoke", r"@smoke\b", config), config)
    if config:
        return Seen(value=CYPRESS, why=config, sure=False), None, config
    if tests := snapshot.named(r"test_.*\.py|.*_test\.py", folder):
        why = next((f for f in snapshot.named(packages.REQUIREMENT_FILES, folder)), tests[0])
        return (*_marked(snapshot, folder, PYTEST, " -m smoke", r"mark\.smoke\b|^\s*smoke\s*:", why), why)
    for name, runner in (("smoke.py", "python"), ("smoke.js", "node"), ("smoke.sh", "sh")):
        if joined(folder, name) in snapshot.files:
            return Seen(value=f"{runner} {name}", why=joined(folder, name), sure=False), None, joined(folder, name)
    return Seen(value=PYTEST, why="nothing says how they are run", sure=False), None, ""


def _marked(
    snapshot: Snapshot, folder: str, command: str, option: str, mark: str, why: str
) -> tuple[Seen, Seen | None]:
    """With tests that are marked as smoke tests a release runs those, and the nightly run all of them."""
    files = snapshot.named(r".*\.(py|ini|toml|ts|js|mjs|tsx|jsx)", folder)[:200]
    snapshot.load(files)
    marked = next((f for f in files if re.search(mark, snapshot.text(f), re.MULTILINE)), None)
    if marked is None:
        return Seen(value=command, why=f"{why}; no test is marked as smoke test, so all of them run", sure=False), None
    return Seen(value=command + option, why=f"tests marked smoke in {marked}"), Seen(value=command, why=why)
