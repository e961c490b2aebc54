"""The command line as a person meets it: help, exit codes, --json, and errors that say what to do next."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.program import slipway

ROOT = Path(__file__).parents[3]
NONE = "sha256:" + "0" * 64


def test_status_is_a_matrix_of_customers_and_components(shop: SimpleNamespace) -> None:
    done = slipway("status", **shop.env)
    assert done.returncode == 0, done.stderr
    assert "bre" in done.stdout
    assert "fjord" in done.stdout
    customers = json.loads(slipway("status", "--json", **shop.env).stdout)["customers"]
    assert [(c["name"], c["ring"], c["release"]) for c in customers] == [("bre", "all", None), ("fjord", "all", None)]


def test_status_shows_what_is_wrong_with_a_customer_beside_the_others(shop: SimpleNamespace) -> None:
    shop.gitops.commit(
        {
            "bre.yaml": "image: [1]\n",
            ".slipway/customers/fjord.yaml": "customer: fjord\nhold: {reason: audit, owner: kari}\n",
        }
    )
    out = slipway("status", **shop.env, **{"COLUMNS": "200"}).stdout
    assert "not a single value" in out
    assert "held by kari: audit" in out


def test_a_right_configuration_is_summed_up(shop: SimpleNamespace) -> None:
    done = slipway("config", "validate", **shop.env)
    assert (done.returncode, done.stdout) == (0, f"{shop.config}: shop, 1 component, 1 ring: all right\n")


def test_a_broken_configuration_is_a_usage_error(shop: SimpleNamespace) -> None:
    shop.config.write_text(shop.config.read_text().replace("port: 80", "port: 800000"))
    done = slipway("config", "validate", **shop.env)
    assert done.returncode == 2
    assert "components.api.run.port" in done.stderr
    assert done.stdout == ""


def test_a_missing_configuration_says_where_it_was_looked_for_and_how_to_make_one(tmp_path: Path) -> None:
    done = slipway("status", SLIPWAY_CONFIG=str(tmp_path / "none.yaml"))
    assert (done.returncode, str(tmp_path / "none.yaml") in done.stderr) == (2, True)
    assert "slipway init" in done.stderr
    assert "where: release.yaml" in slipway("status", SLIPWAY_CONFIG="").stderr


def test_the_version_is_told() -> None:
    done = slipway("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "slipway")
    assert slipway("status", "-h").returncode == 0


def test_an_interrupt_while_the_program_is_read_is_no_traceback() -> None:
    """The signal comes when the command line's module is looked for, wherever that is on a slow machine."""
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'deployments.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from deployments.__main__ import main\n"
        "main()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_remote_that_takes_no_push_is_quoted(shop: SimpleNamespace) -> None:
    hook = Path(shop.gitops.url) / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    done = slipway("hold", "bre", "--reason", "x", **shop.env)
    assert (done.returncode, "main is protected" in done.stderr) == (3, True), done.stderr


def test_a_name_that_is_none_of_many_is_answered_with_those_like_it(shop: SimpleNamespace) -> None:
    shop.gitops.commit({f"c{n:03}.yaml": f"image: {NONE}\n" for n in range(100)})
    done = slipway("hold", "c0422", "--reason", "x", **shop.env)
    assert done.returncode == 1
    assert "c042" in done.stderr
    assert "more" in done.stderr
    assert len(done.stderr) < 400


def test_a_checked_configuration_as_json_has_the_keys_of_the_file(shop: SimpleNamespace) -> None:
    freeze = "policy: {freeze: [{from: fri 15:00, until: mon 07:00, reason: weekend}]}\n"
    shop.config.write_text(shop.config.read_text() + freeze)
    told = json.loads(slipway("config", "validate", "--json", **shop.env).stdout)
    assert told["policy"]["freeze"][0]["from"] == "fri 15:00"


def test_the_schema_is_json(shop: SimpleNamespace) -> None:
    assert json.loads(slipway("config", "schema").stdout)["title"] == "Config"


@pytest.mark.parametrize("commit", ["main", "1f3a", "--upload-pack=x", "HEAD~1", "g" * 40])
def test_a_wrong_commit_id_is_a_usage_error(shop: SimpleNamespace, commit: str) -> None:
    done = slipway("plan", "--", commit, **shop.env)
    assert done.returncode == 2
    assert "40 hex digits" in done.stderr


def test_an_unknown_commit_is_refused(shop: SimpleNamespace) -> None:
    done = slipway("plan", "0123456789" * 4, **shop.env)
    assert (done.returncode, "is not known" in done.stderr) == (1, True)


def test_a_registry_that_is_not_there_is_named(shop: SimpleNamespace, docker_engine: object) -> None:
    done = slipway("plan", **shop.env)
    assert done.returncode == 3
    assert "127.0.0.1:1/shop/api" in done.stderr


def test_a_docker_engine_that_is_not_there_is_named(shop: SimpleNamespace) -> None:
    done = slipway("plan", **shop.env, DOCKER_HOST="unix:///nowhere.sock")
    assert done.returncode == 3
    assert "unix:///nowhere.sock" in done.stderr
    assert "start it" in done.stderr


def test_a_git_remote_that_is_not_there_is_named(shop: SimpleNamespace, tmp_path: Path) -> None:
    shop.config.write_text(shop.config.read_text().replace(shop.gitops.url, str(tmp_path / "gone.git")))
    done = slipway("status", **shop.env)
    assert (done.returncode, str(tmp_path / "gone.git") in done.stderr) == (3, True)


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:1/api"])
def test_a_prefect_server_that_is_not_there_is_named(shop: SimpleNamespace, tmp_path: Path, address: str) -> None:
    done = slipway(
        "release",
        "--no-wait",
        **shop.env,
        PREFECT_API_URL=address,
        PREFECT_HOME=str(tmp_path),
        PREFECT_CLIENT_MAX_RETRIES="0",
    )
    assert done.returncode == 3, done.stderr
    assert (address or "PREFECT_API_URL is not set") in done.stderr


def test_hold_and_release_hold_say_what_they_wrote(shop: SimpleNamespace) -> None:
    done = slipway("hold", "bre", "--reason", "audit", "--by", "kari", "--until", "2999-12-31", **shop.env)
    assert (done.returncode, "bre held: commit" in done.stdout) == (0, True), done.stderr
    assert "held by kari until 2999-12-31: audit" in slipway("status", **shop.env).stdout
    again = slipway("hold", "bre", "--reason", "audit", "--by", "kari", "--until", "2999-12-31", "--json", **shop.env)
    assert json.loads(again.stdout)["created"] is False
    twice = slipway("hold", "bre", "bre", "--reason", "audit", "--by", "kari", "--json", **shop.env)
    assert json.loads(twice.stdout)["customers"] == ["bre"]
    done = slipway("release-hold", "bre", "--by", "ola", **shop.env)
    assert (done.returncode, "bre may move again: commit" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("hold", "nobody", "--reason", "x"), 1, "customers are bre, fjord"),
        (("hold", "bre", "--reason", "x", "--until", "tomorrow"), 2, "write it as 2030-01-31"),
        (("hold", "bre", "--reason", "x", "--until", "2001-01-01"), 2, "name a day to come"),
        (("rollback", "bre", "--reason", "x"), 1, "bre: it has no release yet"),
        (("hold", "bre"), 2, "--reason"),
        (("hold", "bre", "--reason", " "), 2, "say why"),
        (("hold", "bre", "--reason", "x", "--by", ""), 2, "say who"),
        (("release-hold", "bre", "--by", " "), 2, "say who"),
        (("rollback", "bre", "--reason", ""), 2, "say why"),
        (("hold", "bre", "--reason", "x", "--until", "20991231"), 2, "write it as 2030-01-31"),
        (("hold", "bre", "--reason", "x", "--until", "2099-02-30"), 2, "write it as 2030-01-31"),
        (("hold", "bre,fjord", "--reason", "x"), 1, "separate names with spaces"),
    ],
)
def test_a_wrong_hold_says_what_to_do_and_writes_nothing(
    shop: SimpleNamespace, arguments: tuple[str, ...], code: int, told: str
) -> None:
    before = shop.gitops.git("ls-remote", "origin")
    done = slipway(*arguments, **shop.env)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert shop.gitops.git("ls-remote", "origin") == before


def test_open_overrides_are_listed_shown_in_status_and_closed_by_hand(shop: SimpleNamespace) -> None:
    entry = f"gate: e2e\nreason: customers wait\nby: kari\nrelease: '{shop.commit}'\nwhen: '2026-11-20T10:00:00+00:00'\nring: all\n"
    key = f"{shop.commit[:12]}-e2e"
    assert slipway("overrides", **shop.env).stdout == "no override is open\n"
    shop.gitops.commit({f".slipway/overrides/{key}/all.yaml": entry})
    assert slipway("overrides", **shop.env).stdout == f"{key}  2026-11-20  all  by kari: customers wait\n"
    assert f"Open override {key}: e2e by kari: customers wait" in slipway("status", **shop.env).stdout
    (listed,) = json.loads(slipway("overrides", "--json", **shop.env).stdout)["entries"]
    assert json.loads(slipway("status", "--json", **shop.env).stdout)["overrides"] == [listed]
    assert slipway("overrides", "clear", key, "--reason", " ", **shop.env).returncode == 2
    done = slipway("overrides", "clear", key, "--reason", "tried it", "--by", "ola", **shop.env)
    assert (done.returncode, f"{key} closed: commit" in done.stdout) == (0, True), done.stderr
    again = slipway("overrides", "clear", key, "--reason", "tried it", **shop.env)
    assert (again.returncode, "no open override" in again.stderr) == (1, True)


def test_an_override_that_policy_does_not_allow_is_refused_before_any_server_is_asked(shop: SimpleNamespace) -> None:
    for gate in ("suites", "nonsense"):
        done = slipway("release", "--override", gate, "--reason", "x", **shop.env)
        assert (done.returncode, f"{gate} may not be overridden" in done.stderr) == (2, True)
        assert "allows freeze, soak, e2e" in done.stderr
    assert slipway("release", "--override", "e2e", **shop.env).returncode == 2
    for option, said in (("--reason", "x" * 501), ("--by", "x" * 101)):
        done = slipway("release", "--override", "e2e", "--reason", "x", option, said, **shop.env)
        assert (done.returncode, f"where: {option}" in done.stderr, "next:" in done.stderr) == (2, True, True)
