"""release.yaml: everything wrong is named at once, with file, line, key and what is allowed."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tasks.config.file import load_config
from tasks.config.model import Config, json_schema
from tasks.errors import ConfigInvalid

GOOD = (Path(__file__).parent / "release.yaml").read_text()


def written(folder: Path, text: str) -> Path:
    path = folder / "release.yaml"
    path.write_text(text)
    return path


def assert_refused(folder: Path, text: str, *expected: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(written(folder, text))
    for part in expected:
        assert part in str(caught.value)


def test_the_example_is_good_and_fits_the_schema(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    assert config.rings[0].soak == 600
    assert config.rollout.address("bre") == "https://bre.shop.example.no"
    jsonschema.validate(yaml.safe_load(GOOD), json_schema())


def test_the_committed_schema_is_current() -> None:
    committed = Path(__file__).parents[3] / "deployments" / "release.schema.json"
    assert json.loads(committed.read_text()) == json_schema(), "run `make schema`"


def test_an_unknown_key_is_named_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    text = GOOD.replace("  branch: main\n", "  brunch: main\n", 1)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "brunch" in row)
    assert_refused(tmp_path, text, "app.brunch", f"line {line}", "allowed: branch, forge, name, repository")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: must be a mapping with keys of these: addresses, app, approval"),
        ("app: {name: Shop_1, repository: x}", "app.name: must be lower-case letters, digits and dashes"),
        ("components: {api: {path: api}}", "components.api.image: this key is missing"),
        ("components: {api: {path: api}}", "meant is: image repository to push to, without tag"),
        ("policy: {freeze: [{frm: fri 15:00}]}", "allowed: from, reason, rings, timezone, until"),
        ("policy: {freeze: [{until: mon 07:00}]}", "policy.freeze.0.from: this key is missing"),
        ("gitops: {targets: {api: [x]}}", "gitops.targets.api.0: must be a mapping with keys of these: file"),
        ("rollout: {argocd: [x]}", "rollout.argocd: must be a mapping with keys of these: app_namespace"),
    ],
)
def test_what_is_wrong_is_told_in_words_of_the_file(tmp_path: Path, text: str, told: str) -> None:
    assert_refused(tmp_path, text, told)


def test_every_wrong_key_is_told_in_one_run(tmp_path: Path) -> None:
    text = (
        GOOD.replace("port: 8000", "port: 80000")
        .replace("soak: 10m", "soak: soon")
        .replace("path: backend\n", "path: ../backend\n")
    )
    assert_refused(tmp_path, text, "components.backend.run.port", "'soon' is not a duration", "must be a relative path")


def test_a_path_that_cannot_be_read_is_told_with_line_and_place(tmp_path: Path) -> None:
    text = GOOD.replace("path: backend.image.digest", "path: 'backend[image.digest'")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "backend[image" in row)
    assert_refused(
        tmp_path, text, "gitops.targets.backend.1.path: ", f"line {line}", "cannot be read from character 8 on"
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (GOOD.replace("customers: [fjord]", "customers: [fjord, bre]"), "bre stands in two rings"),
        (GOOD.replace("customers: [fjord]", 'customers: "*"'), "only one ring can have customers '*'"),
        (GOOD.replace("    frontend:\n      - {file", "    fronted:\n      - {file"), "fronted"),
        (GOOD + "app: {name: twice, repository: x}\n", "app: the key stands twice"),
        (GOOD + "  - [", "not YAML"),
        ("", "the file"),
        ("[]", "the file"),
        ("[" * 100_000, "nested too deeply"),
        ("x" * 2_000_000, "larger than"),
        (GOOD.replace("name: shop", "name: Shop!", 1), "app.name"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, wrong: str, told: str) -> None:
    assert_refused(tmp_path, wrong, told)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(tmp_path / "release.yaml")
    assert str(tmp_path / "release.yaml") in str(caught.value)
    assert "SLIPWAY_CONFIG" in str(caught.value)


def test_a_configuration_cannot_be_changed_after_it_was_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        config.app = None  # type: ignore[assignment]
    assert Config.model_validate(config.model_dump()) == config


FORGE = "gitops:\n  forge: {kind: gitea, url: https://git.example.com/api/v1, project: acme/gitops, token_env: FORGE_TOKEN}\n"


def test_a_forge_is_good_and_fits_the_schema(tmp_path: Path) -> None:
    text = GOOD.replace("gitops:\n", FORGE)
    forge = load_config(written(tmp_path, text)).gitops.forge
    assert forge is not None and (forge.kind, forge.token_env) == ("gitea", "FORGE_TOKEN")
    jsonschema.validate(yaml.safe_load(text), json_schema())
    number = text.replace("gitea", "gitlab").replace("acme/gitops", "42")
    assert load_config(written(tmp_path, number)).gitops.forge.project == "42"
    jsonschema.validate(yaml.safe_load(number), json_schema())


@pytest.mark.parametrize(
    ("good", "wrong", "told"),
    [
        (", token_env: FORGE_TOKEN", "", "needs one of token_file and token_env"),
        ("token_env: FORGE_TOKEN", "token_env: A, token_file: /run/token", "needs one of token_file and token_env"),
        ("token_env: FORGE_TOKEN", "token: glpat-secret", "token: this key is not known"),
        ("token_env: FORGE_TOKEN", "token_env: glpat-secret", "token_env"),
        ("url: https://git.example.com/api/v1, ", "", "needed for gitea"),
        ("https://git", "https://kari:secret@git", "must not hold a user or a password"),
        ("https://git", "git", "url"),
        ("acme/gitops", "acme", "project"),
        ("acme/gitops", "acme/team/gitops", "write owner/name"),
        ("acme/gitops", "42", "write owner/name"),
        ("acme/gitops", "../gitops", "project: must not have . or .."),
        ("acme/gitops", "acme/gitops#x", "project"),
        ("kind: gitea", "kind: bitbucket", "kind"),
    ],
)
def test_a_wrong_forge_is_told(tmp_path: Path, good: str, wrong: str, told: str) -> None:
    assert good in FORGE
    assert_refused(tmp_path, GOOD.replace("gitops:\n", FORGE.replace(good, wrong)), told)
