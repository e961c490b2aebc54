"""The reference: every key has its meaning and an example, every command is there, every error is told in words."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from deployments.cli.main import app
from deployments.docs import commands, configuration, raised
from deployments.docs.sections import Placed, keys, sections, written
from deployments.docs.words import SOMETHING, texts
from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.config.operate import Secret
from tasks.errors import SlipwayError
from tasks.git import Mirror
from tasks.migrations.fleet_file import read_fleet
from tasks.secrets.secret import read_secret

# Calls that hand on what was said elsewhere; the words are on the page where they are said first.
HANDED_ON = {
    "deployments/cli/ending.py _of_usage",
    "deployments/cli/ending.py of_machine",
    "deployments/cli/migrations.py not_checked",
    "deployments/cli/releases.py _request",
    "tasks/command.py __init__",
    "tasks/forge/failures.py answered",
    "tasks/gitops/fleet.py customer",
    "tasks/gitops/hold.py _contents",
    "tasks/gitops/layout.py _place",
    "tasks/gitops/ledger.py files",
    "tasks/gitops/rollback.py contents",
    "tasks/gitops/state.py of",
    "tasks/images/problems.py _of_step",
    "tasks/images/registry_api.py rate_limited",
    "tasks/migrations/alembic_tool.py revisions",
    "tasks/migrations/sql_tool.py upgrade",
    "tasks/ring.py promote_ring",
    "tasks/rollout/outcomes.py finish",
    "tasks/run/supersede.py give_way",
    "tasks/source/quarantine.py _listed",
    "tasks/source/quarantine.py _no_duplicates",
}


@pytest.mark.parametrize("model", [Config, *(placed.model for placed in sections())], ids=lambda m: m.__name__)
def test_every_key_says_what_it_is_for(model: Any) -> None:
    assert not [key for key, _, field in keys(model) if not field.description]


@pytest.mark.parametrize("document", configuration.examples(), ids=lambda d: d["rollout"]["verify"])
def test_the_examples_are_configurations(document: dict[str, Any]) -> None:
    Config.model_validate(document)


@pytest.mark.parametrize("placed", sections(), ids=lambda p: written(p.places[0]))
def test_every_section_has_an_example(placed: Placed) -> None:
    assert configuration.example(placed) is not None, "add it to deployments/docs/release.yaml"


@pytest.mark.parametrize(("name", "command"), commands.commands("slipway", get_command(app)), ids=str)
def test_every_option_of_a_command_is_on_its_page(name: str, command: Any) -> None:
    part = commands.page().partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    everywhere = {"--help", "--install-completion", "--show-completion"}
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")}
    assert options - everywhere <= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", part))


def test_every_command_is_there() -> None:
    titles = set(re.findall(r"^## (.*)", commands.page(), re.MULTILINE))
    assert titles == {name for name, _ in commands.commands("slipway", get_command(app))}
    assert {"slipway", "slipway release", "slipway overrides", "slipway overrides clear"} < titles


def test_every_call_that_tells_an_error_is_read_as_words() -> None:
    assert raised.wordless() == HANDED_ON, "let deployments/docs/raised.py read it, or name it as handed on"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("'plain'", ["plain"]),
        ("f'{customer}: no {what.kind!r} at {self.place_of(x)}'", ["‹customer›: no ‹kind› at ‹place of›"]),
        (
            "f'at {commit[:7]}' + (f', held by {owner}' if owner else '')",
            ["at ‹commit›, held by ‹owner›", "at ‹commit›"],
        ),
        ("what", ["a text"]),
        ("f'{what} and {count + 1} {1 + 1}'", ["a text and ‹count› ‹…›"]),
        ("problem or 'nothing'", ["‹problem›", "nothing"]),
        ("unknown()", ["‹unknown›"]),
        ("-3", [SOMETHING]),
    ],
)
def test_an_expression_is_read_as_words(source: str, told: list[str]) -> None:
    assert texts(ast.parse(source, mode="eval").body, {"what": ast.Constant("a text")}) == told


def unreadable_secret(folder: Path) -> None:
    read_secret(Secret(secret_file=str(folder / "gone")), "the webhook")


def not_yaml(folder: Path) -> None:
    (folder / "release.yaml").write_text("app: [")
    load_config(folder / "release.yaml")


def wrong_duration(folder: Path) -> None:
    (folder / "release.yaml").write_text("rings: [{name: all, soak: soon}]")
    load_config(folder / "release.yaml")


def no_branch(folder: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "--quiet", "--bare", str(folder / "app.git")], check=True)
    Mirror.open(str(folder / "app.git")).fetch("main")


def twice_in_the_fleet(folder: Path) -> None:
    (folder / "fleet.yaml").write_text("[{customer: bre, revision: a}, {customer: bre, revision: a}]")
    read_fleet(folder / "fleet.yaml")


@pytest.mark.parametrize("fails", [unreadable_secret, not_yaml, wrong_duration, no_branch, twice_in_the_fleet])
def test_what_is_really_told_is_on_the_page(fails: Any, tmp_path: Path) -> None:
    with pytest.raises(SlipwayError) as refused:
        fails(tmp_path)
    known = [one for one in raised.told() if one.next_step]
    for reason in refused.value.reasons:
        assert any(fits(one.what, reason.what.rpartition(": ")[2]) or fits(one.what, reason.what) for one in known), (
            reason
        )


def fits(pattern: str, text: str) -> bool:
    """Whether a text is what a line of the page stands for."""
    parts = [re.escape(part) for part in re.split("‹[^›]*›", pattern)]
    return len("".join(parts)) > 8 and bool(re.fullmatch(".*?".join(parts), " ".join(text.split()), re.DOTALL))
