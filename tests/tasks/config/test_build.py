"""How a component is built, in `release.yaml`: no secret in build arguments, one place for each setting."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tasks.config.file import load_config
from tasks.config.model import Config, json_schema
from tasks.errors import ConfigInvalid
from tests.tasks.config.test_model import GOOD, assert_refused, written

PLACE = "    image: registry.example.no/shop/backend\n"
assert PLACE in GOOD


def building(text: str) -> str:
    """The example, with settings of the backend's build."""
    return GOOD.replace(PLACE, f"{PLACE}    build: {text}\n")


def test_every_setting_is_good_and_fits_the_schema(tmp_path: Path) -> None:
    text = building(
        "{target: production, args: {PIP_INDEX_URL: 'https://pypi.example.no/simple'}, secrets: {npmrc: {secret_file: /run/npmrc}},"
        " ssh: {socket: /run/agent.sock}, platform: linux/arm64/v8, cache: {mode: registry, ref: 'registry.example.no/shop/cache:main'},"
        " sbom: true, provenance: required, timeout: 20m, context_megabytes: 200}"
    )
    build = load_config(written(tmp_path, f"{text}builds_at_once: 3\n")).components["backend"].build
    assert (build.timeout, build.cache.mode, build.sbom, build.provenance) == (1200, "registry", True, "required")
    jsonschema.validate(yaml.safe_load(text), json_schema())


@pytest.mark.parametrize(
    ("build", "told"),
    [
        ("{args: {NPM_TOKEN: x}}", "NPM_TOKEN is the name of a secret; build arguments can be read in the image"),
        ("{args: {INDEX: 'https://kari:s3cret@pypi.example.no'}}", "INDEX is an address with a password"),
        ("{args: {WHO: ghp_abcdefghijklmnopqrstuvwxyz0123456789}}", "WHO looks like a token of GitHub"),
        ("{args: {WHO: AKIAABCDEFGHIJKLMNOP}}", "WHO looks like a key of AWS"),
        ('{args: {WHO: "-----BEGIN OPENSSH PRIVATE KEY-----"}}', "WHO looks like a private key"),
        ("{args: {COMMIT: x}}", "COMMIT is set by Slipway"),
        ("{args: {'A B': x}}", "components.backend.build.args"),
        ("{secrets: {npmrc: {secret_file: a, secret_env: B}}}", "needs one of secret_file and secret_env"),
        ("{secrets: {'a,src=/etc/shadow': {secret_file: a}}}", "components.backend.build.secrets"),
        ("{ssh: {}}", "needs one of socket and key_file"),
        ("{cache: {mode: local}}", "folder: needed with mode local"),
        ("{cache: {mode: inline, folder: /x}}", "folder: needed with mode local"),
        ("{cache: {mode: local, folder: /x, ref: 'r.example.no/x:y'}}", "ref: only with mode inline or registry"),
        ("{cache: {mode: registry, ref: 'r.example.no/x,mode=max'}}", "components.backend.build.cache.ref"),
        ("{platform: 'linux/arm64,linux/amd64'}", "components.backend.build.platform"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, build: str, told: str) -> None:
    text = building(build)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "build:" in row)
    assert_refused(tmp_path, text, told, f"line {line}")


def test_no_refusal_shows_the_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(written(tmp_path, building("{args: {INDEX: 'https://kari:hunter2-hunter2@pypi.example.no'}}")))
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_this_process_knows_is_no_build_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct-horse-battery")
    text = building("{args: {GREETING: correct-horse-battery}}")
    assert_refused(tmp_path, text, "args.GREETING: holds a known secret: use build.secrets")


def test_where_a_secret_is_may_be_an_argument() -> None:
    settings = yaml.safe_load(building("{args: {TOKEN_FILE: /run/secrets/x, LEVEL: '3'}}"))
    assert Config.model_validate(settings).components["backend"].build.args["LEVEL"] == "3"
