"""Completion in real shells: commands, options, and the names that release.yaml and this machine know."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.program import ROOT, slipway
from tests.terminal import Terminal

BASH = r"""
source <(slipway --show-completion)
COMP_WORDS=({words}) COMP_CWORD={last}
$(complete -p slipway | sed 's/.*-F \([^ ]*\).*/\1/') slipway
printf '%s\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def shell(shop: SimpleNamespace, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds the program by its name."""
    program = tmp_path / "bin" / "slipway"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m deployments "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, **shop.env, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    return env | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def bash(shell: dict[str, str], *words: str) -> list[str]:
    """What bash offers for the last word."""
    quoted = " ".join(f"'{w}'" for w in ("slipway", *words))
    script = BASH.format(words=quoted, last=len(words))
    done = subprocess.run(["bash", "--norc", "-c", script], env=shell, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_names(shell: dict[str, str], shop: SimpleNamespace) -> None:
    assert bash(shell, "migrations", "") == ["check", "explain", "schema"]
    assert "--reason" in bash(shell, "hold", "bre", "--r")
    assert bash(shell, "hold", "") == [], "nothing is fetched for it"
    assert slipway("status", **shop.env).returncode == 0
    assert bash(shell, "hold", "") == ["bre", "fjord"]
    assert bash(shell, "test", "ap") == ["api"]
    assert bash(shell, "release", "--override", "s") == ["soak", "suites"]


def test_without_settings_or_home_there_are_just_no_names(shell: dict[str, str]) -> None:
    assert bash(shell | {"SLIPWAY_CONFIG": "/none.yaml"}, "hold", "") == []
    assert bash(shell | {"SLIPWAY_HOME": "/dev/null"}, "hold", "") == []


@pytest.mark.parametrize("program", ["bash --norc -i", "zsh -f -i", "fish --private --no-config"])
def test_a_person_at_a_shell_completes_with_the_tabulator(shell: dict[str, str], program: str) -> None:
    name, *options = program.split()
    if not shutil.which(name):
        pytest.skip(f"{name} is not here")
    file = Path(shell["HOME"]) / "completion"
    before = "autoload -U compinit; compinit -u -D; " if name == "zsh" else ""
    with Terminal([name, *options], **shell) as terminal:
        terminal.type(f"{before}slipway --show-completion > {file}; . {file}; echo is-re''ady\r")
        terminal.see("is-ready")
        terminal.type("slipway rollb\t")
        terminal.see("rollback")
