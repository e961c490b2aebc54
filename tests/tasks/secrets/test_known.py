"""Every place that a secret of this worker may be in is looked at, and nothing that is none."""

import base64
import json
import logging
from pathlib import Path

import pytest
import yaml

from tasks.config.file import load_config
from tasks.config.forge import Forge
from tasks.config.model import Config
from tasks.forge.token import read_token
from tasks.secrets import known as known_secrets
from tasks.secrets.known import in_addresses, of_config, of_docker, of_environment
from tasks.secrets.masking import mask
from tests.canaries import CANARIES
from tests.tasks.gitops.conftest_gitops import config_for

BARE = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SLIPWAY_HOME": "/var/lib/slipway"}


def test_variables_whose_names_say_secret_are_secrets_and_others_are_not() -> None:
    given = {
        "FORGE_TOKEN": "t0ken-value",
        "DB_PASSWORD": "pa55word!",
        "SLIPWAY_WEBHOOK_SECRET": "h00k-secret",
        "PREFECT_API_AUTH_STRING": "admin:basic-auth-99",
        "AWS_SECRET_ACCESS_KEY": "aws/key+1",
        "HTTPS_PROXY": "http://kari:pr0xy%2Fpass@proxy.example.no:3128",
    }
    places = {
        "TOKEN_FILE": "/run/secrets/t",
        "SECRET_ENV": "OTHER_NAME",
        "TOKEN_TTL": "86400000",
        "MY_SECRET": "/run/x",
    }
    found = set(of_environment(BARE | given | places))
    assert found - {""} == {
        *(given[name] for name in list(given)[:5]),
        "basic-auth-99",
        "pr0xy%2Fpass",
        "pr0xy/pass",
    }


def test_passwords_and_tokens_in_addresses() -> None:
    assert set(in_addresses("see https://x-access-token:ghs_1234@h/r and ssh://git@h/r")) - {""} == {"ghs_1234"}
    assert set(in_addresses("https://glpat-A1b2C3d4E5f6G7h8@gitlab.example/x")) - {""} == {"glpat-A1b2C3d4E5f6G7h8"}


def test_all_that_release_yaml_points_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", CANARIES["address that is a token"])
    monkeypatch.setenv("FORGE_TOKEN", CANARIES["token"])
    hook, kube = tmp_path / "hook", tmp_path / "kubeconfig"
    hook.write_text("webhook-secret-123\n")
    key = base64.b64encode(CANARIES["PEM"].encode()).decode()
    kube.write_text(yaml.safe_dump({"users": [{"user": {"token": "kube-t0ken-1", "client-key-data": key}}]}))
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True, exclude_none=True)
    settings["app"]["forge"] = {"kind": "github", "project": "a/b", "token_env": "FORGE_TOKEN"}
    settings["webhook"] = {"secret_file": str(hook), "provider": "github", "repository": "a/b"}
    settings["notify"] = [{"secret_env": "OPS_URL"}]
    settings["migrations"] = {
        "component": "backend",
        "tool": "sql",
        "statistics": {"*": "postgresql://reader:rows-pa55@db.example/shop"},
    }
    settings["rollout"]["cluster"] = {"kubeconfig": str(kube)}
    found = {secret.strip() for _, secret in of_config(Config.model_validate(settings))}
    wanted = {
        CANARIES["token"],
        CANARIES["address that is a token"],
        "webhook-secret-123",
        "rows-pa55",
        "kube-t0ken-1",
        CANARIES["PEM"].strip(),
    }
    assert wanted <= found

    path = tmp_path / "release.yaml"
    path.write_text(yaml.safe_dump(settings))
    load_config(path)
    for secret in wanted:
        assert mask(f"<{secret}>") in ("<***>", "<-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY----->")


def test_registry_logins_of_the_docker_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert list(of_docker()) == []
    auth = base64.b64encode(b"robot:registry-pa55").decode()
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {"r.example": {"auth": auth}, "o": {"identitytoken": "id-t0ken"}}})
    )
    assert {auth, "registry-pa55", "id-t0ken"} <= set(of_docker())
    (tmp_path / "config.json").write_text("{not json")
    assert list(of_docker()) == []


def test_a_secret_too_short_to_mask_is_said_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FORGE_TOKEN", "short7!")
    settings = config_for("app", "gitops").model_copy(
        update={"app": config_for("app", "gitops").app.model_copy(update={"forge": FORGE})}
    )
    with caplog.at_level(logging.WARNING):
        known_secrets.learn_all(settings)
    assert "token_env FORGE_TOKEN has fewer than 8 characters and is not masked" in caplog.messages
    assert "short7!" not in caplog.text


FORGE = Forge(kind="github", project="a/b", token_env="FORGE_TOKEN")


def test_a_token_that_was_changed_is_known_as_soon_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGE_TOKEN", "the-new-t0ken")
    assert mask("the-new-t0ken") == "the-new-t0ken"
    assert read_token(FORGE) == "the-new-t0ken"
    assert mask("the-new-t0ken") == "***"
