"""The door: every way by the same two functions, ways together, and many customers at once.

Argo CD and Kubernetes were tried against their contracts only; the version endpoints are real servers.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import pytest

from tasks.config.rollout import Rollout
from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.rollout.verify import WAYS, verify_customer, verify_customers
from tests.contracts import ContractServer, Response
from tests.tasks.rollout.situations import (
    BEFORE,
    OLDER,
    OURS,
    PLANNED,
    RELEASE,
    REPOSITORY,
    TOKEN,
    application,
    argocd_document,
    carries,
    config_of,
    deployment,
    hurry,
    kubernetes_document,
    pod,
    synced,
)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setenv("A_TOKEN", TOKEN)


def test_every_way_that_the_configuration_knows_is_in_the_table() -> None:
    assert set(WAYS) == set(get_args(Rollout.model_fields["verify"].annotation))


@pytest.fixture
def versions() -> Iterator[dict[str, str]]:
    """Version endpoints of many customers on one server: customer -> the commit it answers; `url` is the address."""
    answers: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"commit": answers.get(self.path.split("/")[1], "")}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answers["url"] = f"http://127.0.0.1:{server.server_port}"
    yield answers
    server.shutdown()


def test_customers_by_http_are_watched_at_once_and_end_by_themselves(versions: dict[str, str]) -> None:
    names = [f"c{n}" for n in range(40)]
    versions |= dict.fromkeys(names[1:], RELEASE.commit)
    rollout = {"url": versions["url"] + "/{customer}", "versions": {"backend": "/version"}, "timeout": 0}
    endings = verify_customers(config_of(rollout), RELEASE, names, lambda _: carries)
    assert isinstance(endings["c0"], ServiceUnavailable)
    assert all(endings[n].versions == {"backend": RELEASE.commit} for n in names[1:])
    assert verify_customer(config_of(rollout), RELEASE, "c1", OURS, carries) == {"backend": RELEASE.commit}


@pytest.fixture
def both() -> Iterator[dict[str, Any]]:
    """An Argo CD whose applications name images by tag, and the cluster: what they say is in the dict."""
    world: dict[str, Any] = {"application": application(summary={"images": [f"{REPOSITORY}:v2"]}), "pods": [pod()]}
    argo = ContractServer(argocd_document(), lambda _: Response(200, world["application"]))

    def cluster(request: Any) -> Response:
        items = world["pods"] if request.operation.endswith("pods") else [deployment()]
        return Response(200, {"items": items, "metadata": {}})

    with argo, ContractServer(kubernetes_document(), cluster) as kubernetes:
        world["asked"] = kubernetes.requests
        world["rollout"] = {
            "verify": "argocd",
            "timeout": 0,
            "argocd": {"url": argo.url, "token_env": "A_TOKEN", "application": "shop-{customer}", "refresh": False},
            "cluster": {"server": kubernetes.url, "token_env": "A_TOKEN"},
            "kubernetes": {"workloads": {"backend": {"name": "backend"}}},
        }
        yield world


def test_argo_cd_and_the_pods_together_pass_a_tag(both: dict[str, Any]) -> None:
    assert verify_customer(config_of(both["rollout"]), RELEASE, "bre", OURS, carries) == {"backend": PLANNED}


def test_healthy_in_argo_cd_with_the_wrong_digest_in_a_pod_does_not_pass(both: dict[str, Any]) -> None:
    both["pods"] = [pod(image_id=f"{REPOSITORY}@{BEFORE}")]
    with pytest.raises(SlipwayError, match="synced 1a2b3c4, Healthy; backend: pod backend-1 runs sha256:9c079c07…"):
        verify_customer(config_of(both["rollout"]), RELEASE, "bre", OURS, carries)


def test_pods_are_not_asked_about_before_argo_cd_has_synced(both: dict[str, Any]) -> None:
    both["application"] = application(sync=synced(OLDER))
    with pytest.raises(SlipwayError, match="does not carry"):
        verify_customer(config_of(both["rollout"]), RELEASE, "bre", OURS, carries)
    assert not both["asked"]
