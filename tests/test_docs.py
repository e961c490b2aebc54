"""The pages that are made from the code are what the code says now, and the others name only what exists."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from tasks.config.file import load_config
from tasks.config.gitops import Target
from tasks.config.model import Config
from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.page import page
from tasks.migrations.told import schema

DOCS = Path(__file__).parents[1] / "docs"
# Findings which come from no rule file.
GRAPH = {
    "upgrade_fails",
    "several_heads",
    "missing_parent",
    "duplicate_revision",
    "revision_cycle",
    "value_unknown",
    "revision_edited",
    "revision_inserted",
    "revision_vanished",
    "model_drift",
    "downgrade_missing",
    "downgrade_incomplete",
}


def test_the_rules_page_is_current() -> None:
    assert (DOCS / "migration-rules.md").read_text() == page(RULES), "run `make docs`"


def test_the_schema_is_current_and_a_schema() -> None:
    assert json.loads((DOCS / "migration-findings.schema.json").read_text()) == schema(), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_catalogue_names_every_rule_and_no_other() -> None:
    rows = [
        line.rsplit("|", 2)[1] for line in (DOCS / "migrations.md").read_text().splitlines() if line.startswith("| ")
    ]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {r.name for r in RULES} | GRAPH


def blocks(page: str) -> list[dict]:
    """The YAML examples of a page."""
    text = (DOCS.parent / page).read_text()
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]


def test_the_whole_configuration_is_one() -> None:
    (example,) = blocks("docs/configuration.md")
    Config.model_validate(example)


def test_every_way_to_see_customers_is_one() -> None:
    (whole,) = blocks("docs/configuration.md")
    examples = blocks("docs/rollout.md")
    assert [e["rollout"]["verify"] for e in examples] == ["argocd", "kubernetes", "flux"]
    for example in examples:
        Config.model_validate({**whole, **example})


def test_rings_and_the_forge_are_settings() -> None:
    (whole,), (example,) = blocks("docs/configuration.md"), blocks("docs/gitops.md")
    forge = re.search(r"`(\{kind: github.*?\})`", (DOCS / "gitops.md").read_text())
    assert forge
    rollout = {**whole["rollout"], **example.pop("rollout")}
    gitops = {**whole["gitops"], "forge": yaml.safe_load(forge[1])}
    Config.model_validate({**whole, **example, "rollout": rollout, "gitops": gitops})


def test_suites_are_settings(tmp_path: Path) -> None:
    """Read as release.yaml is: the key `on` is a truth value for other readers of YAML."""
    (whole,) = blocks("docs/configuration.md")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "testing.md").read_text(), re.DOTALL | re.MULTILINE)
    whole = {k: v for k, v in whole.items() if k not in ("components", "policy")}
    (tmp_path / "release.yaml").write_text(example + yaml.safe_dump(whole))
    suites = load_config(tmp_path / "release.yaml").components["backend"].suites
    assert (suites["device"].on, suites["unit"].limits.disk) == ("host", 1024**3)


def test_webhooks_are_settings() -> None:
    (whole,), (example, _, _, several) = blocks("docs/configuration.md"), blocks("docs/webhooks.md")
    Config.model_validate({**whole, **example})
    shipped = yaml.safe_load((DOCS.parent / "prefect.yaml").read_text())["deployments"][0]
    assert several["deployments"][0]["entrypoint"] == shipped["entrypoint"]
    assert several["deployments"][0]["concurrency_limit"] == shipped["concurrency_limit"]
    mine, theirs = (d["work_pool"]["job_variables"] for d in (shipped, several["deployments"][0]))
    assert theirs == {**mine, "env": {**mine["env"], "SLIPWAY_CONFIG": theirs["env"]["SLIPWAY_CONFIG"]}}
    assert several["deployments"][0]["tags"] == shipped["tags"]


def test_overrides_and_the_night_are_settings() -> None:
    (whole,), (overrides,), (night, shards) = (
        blocks("docs/configuration.md"),
        blocks("docs/overrides.md"),
        blocks("docs/nightly.md"),
    )
    config = Config.model_validate({**whole, **overrides, **night, "e2e": {**whole["e2e"], **shards["e2e"]}})
    assert (config.policy.override[-1], config.nightly.shards, config.nightly.timeout) == ("suites", 4, 21600)


def test_the_build_section_is_one() -> None:
    (whole,), (example,) = blocks("docs/configuration.md"), blocks("docs/images.md")
    backend = {**whole["components"]["backend"], **example.pop("components")["backend"]}
    config = Config.model_validate({**whole, **example, "components": {**whole["components"], "backend": backend}})
    assert (config.components["backend"].build.cache.mode, config.builds_at_once, config.gate.fail) == (
        "registry",
        2,
        "all",
    )


@pytest.mark.parametrize("target", re.findall(r"`(\{file: .*?\})`", (DOCS / "gitops.md").read_text()))
def test_each_layout_of_the_table_is_a_target(target: str) -> None:
    Target.model_validate(yaml.safe_load(target))


def test_every_command_that_the_pages_name_is_there() -> None:
    from typer.main import get_command

    from deployments.cli.main import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    pages = "".join(p.read_text() for p in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))))
    named = set(re.findall(r"(?:`|^)slipway ([a-z][a-z-]*)", pages, re.MULTILINE))
    assert {"init", "status", "rollback", "migrations"} <= named <= set(commands)
