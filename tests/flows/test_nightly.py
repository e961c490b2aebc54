"""An override and the nights after it, on a real Prefect server, worker, registry and Docker Engine; and Prefect's own form."""

import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect import get_client

from tasks import containers

pytestmark = pytest.mark.slow
BY_KARI = {"gate": "e2e", "reason": "the smoke test is flaky", "by": "kari"}
FULL = 'test "$SHARDS" = 2 && python smoke.py --full && echo this is shard $SHARD'


def at_tip(product: Any, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", product.gitops.url, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def night(product: Any) -> tuple[str, str, str]:
    """The nightly run's state, its message and its summary."""
    run = product.run("nightly/nightly")
    state = product.wait(run)
    return state.name, str(state.message), product.artifact(run, "nightly")


def test_an_overridden_failure_is_seen_until_a_green_night_and_a_red_night_tells_everything_at_once(
    product: Any, roll_out: Callable
) -> None:
    roll_out()
    product.configure(
        e2e={**product.settings["e2e"], "smoke": "echo no luck; exit 3", "full": FULL}, nightly={"shards": 2}
    )
    run = product.run("release/release", request={"commit": product.first, "overrides": [BY_KARI]})
    assert product.wait(run).name == "Completed"
    told = "e2e failed, passed by kari: the smoke test is flaky"
    for key in ("plan", "release"):
        assert told in product.artifact(run, key)
        assert "no luck" in product.artifact(run, key)
    assert "e2e smoke | 1 failed" in product.artifact(run, "release").replace("|  ", "| ")
    ledger = [p for p in at_tip(product, "ls-tree", "-r", "--name-only", "main").split() if "overrides/" in p]
    assert ledger == [f".slipway/overrides/{product.first[:12]}-e2e/{ring}.yaml" for ring in ("all", "canary")]

    name, message, summary = night(product)
    assert name == "Completed", message
    assert "nightly: green: 7 questions" in summary
    assert "| green | end-to-end tests | 1 of 1 version green |" in summary
    assert "| green | running as stated | 3 of 3 customers as stated |" in summary
    assert f"closed, the full end-to-end suite passed on {product.first[:7]}" in summary
    assert "overrides/" not in at_tip(product, "ls-tree", "-r", "--name-only", "main")
    assert "Slipway-Closed-By: nightly" in at_tip(product, "show", "-s", "--format=%B", "main")

    product.configure(e2e={**product.settings["e2e"], "full": FULL + ' && test "$SHARD" != 2'})
    product.gitops.git("pull", "--quiet", "origin", "main")
    image = product.settings["components"]["api"]["image"]
    by_hand = f"# dal\nspec: {{image: '{image}@sha256:{'5' * 64}'}}\n"
    product.gitops.commit({"dal/deployment.yaml": by_hand}, "by hand")
    stop(product, "bre")
    name, message, summary = night(product)
    assert name == "Failed"
    assert "red: 3 of 7 questions" in message
    assert f"{product.first[:7]} (fjord, bre): e2e full" in message
    assert "this is shard 2" in summary
    assert "bre: not seen" in summary
    assert "dal: api changed by hand" in summary
    assert "| green | open overrides | 0 open |" in summary


def stop(product: Any, customer: str) -> None:
    """The customer's app goes away; the cluster stand-in does not look again before the next release."""
    (there,) = containers.engine().containers.list(filters={"publish": str(product.ports[customer])})
    there.stop(timeout=1)


def test_prefects_form_knows_the_gates_and_a_wrong_override_is_refused_in_words(servers: Any) -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("release/release")
    assert "freeze" in str(deployment.parameter_openapi_schema["definitions"]["Override"]["properties"]["gate"]["enum"])
    url = f"http://127.0.0.1:{servers.port}/api/deployments/{deployment.id}/create_flow_run"
    for wrong, told in (
        ({**BY_KARI, "gate": "tests"}, "'tests' is not one of"),
        ({**BY_KARI, "reason": "   "}, "does not match"),
        ({"gate": "e2e", "reason": "x"}, "'by' is a required property"),
    ):
        answer = httpx.post(url, json={"parameters": {"request": {"commit": "1" * 40, "overrides": [wrong]}}})
        assert (answer.status_code, told in answer.text) == (409, True), answer.text
