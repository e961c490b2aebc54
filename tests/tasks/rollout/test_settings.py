"""The rollout section: each way has what it needs, no secret stands in it, no token travels in clear text."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.tasks.rollout.situations import config_of

ARGO = {"url": "https://argocd.example.no", "token_env": "ARGO_TOKEN", "application": "shop-{customer}"}
PASTED = "eyJhbGciOiJIUzI1NiJ9.secret"


def argo(**settings: Any) -> dict[str, Any]:
    return {"verify": "argocd", "argocd": {k: v for k, v in (ARGO | settings).items() if v is not None}}


def cluster(**settings: Any) -> dict[str, Any]:
    return {"verify": "kubernetes", "kubernetes": {"workloads": {"backend": {"name": "b"}}}, "cluster": settings}


@pytest.mark.parametrize(
    "rollout",
    [
        argo(),
        argo(url="http://argocd-server.argocd.svc"),
        argo(url="https://argocd.{customer}.example.no/"),
        argo(token_env=None, token_file="/run/secrets/token"),
        cluster(),
        cluster(kubeconfig="/k", context="prod-{customer}"),
        cluster(server="https://k.example.no", token_env="T"),
    ],
)
def test_what_makes_sense_is_taken(rollout: dict[str, Any]) -> None:
    assert config_of(rollout).rollout.verify == rollout["verify"]


@pytest.mark.parametrize(
    ("rollout", "told"),
    [
        ({"verify": "http"}, "verify: http needs versions"),
        ({"verify": "argocd"}, "verify: argocd needs argocd"),
        ({"verify": "kubernetes"}, "verify: kubernetes needs kubernetes"),
        ({"verify": "flux"}, "verify: flux needs flux"),
        (argo(token_env=None), "needs token_file or token_env"),
        (argo(token_file="/t"), "keep one"),
        (argo(token_env=PASTED), "should match pattern"),
        (argo(token=PASTED), "Extra inputs are not permitted"),
        (argo(url=f"https://me:{PASTED}@argocd.example.no"), "must not contain credentials"),
        (argo(url="http://argocd.example.no"), "must be https"),
        (argo(url="argocd.example.no"), "must be an address"),
        (argo(application="../admin"), "should match pattern"),
        (cluster(server="https://k.example.no"), "server needs token_file or token_env"),
        (cluster(server="https://k.example.no", kubeconfig="/k", token_env="T"), "keep one"),
        (cluster(context="prod"), "context is one of a kubeconfig"),
        (cluster(token_env="T"), "belong to server"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(rollout: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(rollout)
    errors = caught.value.errors(include_input=False, include_context=False)
    assert told in str(errors)
    assert PASTED not in str([e["msg"] for e in errors])


def test_the_manual_s_examples_are_good() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "rollout.md").read_text()
    examples = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)]
    assert [config_of(e["rollout"]).rollout.verify for e in examples] == ["argocd", "kubernetes", "flux"]
