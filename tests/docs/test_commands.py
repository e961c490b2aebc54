"""Every command that a page shows is done by a test, or stands here with the reason why not; and slipway takes its options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from deployments.cli.main import app
from tests.docs.console import Command, steps
from tests.docs.test_guides import GUIDES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = ("", "sh", "bash", "shell")
# Beginning of a command -> the test that does it, or why none can.
ELSEWHERE = {
    "make demo": "tests/deployments/test_demo.py",
    "make test": "it is what runs the tests",
    "PREFECT_LOGGING_EXTRA_LOGGERS=tasks prefect worker start": "docs/adopt.md",
    "export ": "docs/adopt.md",
    "deployments/": "tests/deployments/test_production.py",
    "git pull": "of Slipway itself, at an upgrade",
    "kubectl ": "there is no cluster; the manifests are checked in tests/deployments/test_kubernetes.py",
    "helm ": "there is no cluster; the values are checked in tests/deployments/test_kubernetes.py",
    "cp production/release.yaml": "goes with kubectl",
    "curl -s http://127.0.0.1:4280/": "tests/deployments/dashboard/test_pages.py",
    "curl -s https://registry.": "tests/tasks/images",
}
# A command of slipway and its options, where no guide does it -> the test that runs it.
RUN_BY = {
    "approve --note": "tests/deployments/cli/test_terminal.py",
    "approve --json --yes": "tests/deployments/cli/test_terminal.py",
    "dashboard": "tests/deployments/dashboard/served.py",
    "dashboard --port": "tests/deployments/dashboard/served.py",
    "doctor": "tests/deployments/test_production.py",
    "migrations check --fleet --format": "tests/deployments/cli/test_migrations.py",
    "migrations check --from": "tests/deployments/cli/test_migrations.py",
    "migrations check --from --tool --upgrade-command": "tests/deployments/cli/test_migrations.py",
    "migrations explain": "tests/deployments/cli/test_migrations.py",
    "overrides clear --by --reason": "tests/deployments/cli/test_main.py",
    "reject --by --note": "tests/flows/test_approval.py",
    "release --by --override --reason": "tests/deployments/cli/test_terminal.py",
    "serve --port": "tests/deployments/cli/test_serving.py",
    "server apply --dry-run": "tests/deployments/server/test_apply.py",
    "server watch": "tests/deployments/cli/test_serving.py",
    "test -u": "tests/deployments/trial/test_trial.py",
}
# First lines of blocks that are no commands.
OTHERS = ("location / {", "RUN --mount", "shop: release ")


def shown() -> Iterator[tuple[str, str]]:
    """(page, command) of all blocks without a language, or of a shell; comments taken away."""
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = re.sub(r"\s{2,}# .*$|^# .*$", "", block, flags=re.MULTILINE).splitlines()
            if language in SHELL and not block.startswith(OTHERS):
                yield from ((page.name, line.strip()) for line in lines if line.strip())


def told() -> list[tuple[str, str]]:
    """(page, command) of every slipway command: of blocks, and of guides."""
    guides = {p.name: steps(p.read_text(encoding="utf-8")) for p in PAGES}
    done = [(n, s.text) for n, found in guides.items() for s in found if isinstance(s, Command)]
    return sorted({(n, c) for n, c in [*shown(), *done] if c.startswith("slipway ") and "$(" not in c})


def called(line: str) -> str:
    """Which command of slipway a line calls, and the options that it gives: `approve --note --yes`."""
    words = shlex.split(re.split(r" [|>] ", line)[0])[1:]
    command, names = get_command(app), []
    while isinstance(command, TyperGroup) and words:
        command, name = command.commands[words[0]], words.pop(0)
        names.append(name)
    return " ".join([*names, *sorted({w.partition("=")[0] for w in words if w.startswith("-")})])


def done_by_guides() -> set[str]:
    pages = [steps(p.read_text(encoding="utf-8")) for p in PAGES]
    lines = [s.text for found in pages for s in found if isinstance(s, Command)]
    return {called(line) for line in lines if line.startswith("slipway ")}


def test_pages_are_read() -> None:
    assert {"README.md", "recovery.md", "production.md"} <= {page for page, _ in shown()}
    assert ("adopt.md", "slipway plan") in told()


@pytest.mark.parametrize(("page", "command"), sorted(set(shown())))
def test_a_command_is_done_somewhere(page: str, command: str) -> None:
    places = [place for begin, place in ELSEWHERE.items() if command.startswith(begin)]
    assert command.startswith("slipway ") or places, (
        f"{page}: say in ELSEWHERE which test does `{command}`, or why none"
    )


@pytest.mark.parametrize(("page", "command"), sorted({(p, c) for p, c in shown() if c.startswith("slipway ")}))
def test_a_command_of_slipway_is_run(page: str, command: str) -> None:
    words = called(command)
    if words in done_by_guides():
        return
    assert words in RUN_BY, f"{page}: let a guide do `{command}`, or say in RUN_BY which test does"
    test = (ROOT / RUN_BY[words]).read_text(encoding="utf-8")
    missing = [word for word in words.split() if f'"{word}"' not in test]
    assert not missing, f"{RUN_BY[words]} runs no {words}: {', '.join(missing)} is not in it"


@pytest.mark.parametrize("place", [p for p in ELSEWHERE.values() if p.startswith(("tests/", "docs/"))])
def test_the_place_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize(("page", "command"), told())
def test_slipway_takes_a_command_as_it_is_written(page: str, command: str) -> None:
    words = shlex.split(re.split(r" [|>] ", command)[0])[1:]
    parse(get_command(app), ["slipway"], words)


def parse(command: Any, path: list[str], words: list[str]) -> None:
    """Reads arguments as the program would, and does nothing. Raises a usage error for what it does not take."""
    context = command.make_context(path[-1], list(words))
    if isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        name, found, left = command.resolve_command(context, rest)
        parse(found, [*path, str(name)], left)


@pytest.mark.parametrize("wrong", ["release --overide x", "nosuch", "server aply", "test --path"])
def test_a_command_that_slipway_does_not_take_is_found_out(wrong: str) -> None:
    with pytest.raises(Exception, match="No such|requires an argument") as refused:
        parse(get_command(app), ["slipway"], wrong.split())
    assert refused.value.exit_code == 2  # type: ignore[attr-defined]


def test_every_page_with_console_blocks_is_a_guide_that_is_done() -> None:
    assert {p.name for p in PAGES if "```console" in p.read_text(encoding="utf-8")} == set(GUIDES)
