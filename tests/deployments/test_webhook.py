"""The receiver believes only what is signed, starts only what the configuration names, and once per commit."""

import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deployments import services

SECRET = "a secret of the tests"
COMMIT = "1f" * 20
PUSH = {"ref": "refs/heads/main", "after": COMMIT, "repository": {"full_name": "team/shop"}}
CONFIG = Path(__file__).parents[1] / "tasks" / "release.yaml"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The receiver and a Prefect server that has the release deployment but no worker."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    folder = tmp_path_factory.mktemp("receiver")
    port, hook = services.free_port(4400), services.free_port(8190)
    env = services.worker_environment(folder / "prefect", port, folder / "home", CONFIG)
    given = {"SLIPWAY_WEBHOOK_SECRET": SECRET, "SLIPWAY_WEBHOOK_REPOSITORY": "team/shop"}
    with (
        services.prefect_server(folder / "prefect", port) as server,
        services.receiver({**env, **given}, folder, hook) as app,
    ):
        server.wait_ready()
        services.deploy(env)
        app.wait_ready()
        with temporary_settings({PREFECT_API_URL: env["PREFECT_API_URL"]}), get_client(sync_client=True) as client:
            yield SimpleNamespace(url=f"http://127.0.0.1:{hook}/hooks/github", client=client, server=server)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(receiver: SimpleNamespace, payload: Any = PUSH, event: str = "push", **headers: str) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    given = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": signed(body),
        **headers,
    }
    sent = [(k.encode(), v.encode()) for k, v in given.items() if v]
    return httpx.post(receiver.url, content=body, headers=sent, timeout=30)


def runs(receiver: SimpleNamespace) -> int:
    """Releases, without the nightly runs that the server schedules."""
    return sum("request" in run.parameters for run in receiver.client.read_flow_runs(limit=200))


def test_a_signed_push_starts_one_release_however_often_it_is_told(receiver: SimpleNamespace) -> None:
    before = runs(receiver)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: deliver(receiver), range(8)))
    assert {a.status_code for a in answers} <= {
        202,
        503,
    }  # SQLite turns writers at the same moment away; a forge sends again
    accepted = {a.json()["run"] for a in answers if a.status_code == 202} | {deliver(receiver).json()["run"]}
    assert len(accepted) == 1
    assert runs(receiver) == before + 1
    run = receiver.client.read_flow_run(accepted.pop())
    assert run.parameters == {"request": {"commit": COMMIT}}


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signed(b"another body"),
        signed(json.dumps(PUSH).encode(), "another secret value"),
        signed(json.dumps(PUSH).encode()).replace("sha256=", "sha1="),
        signed(json.dumps(PUSH).encode())[:-1],
        "sha256=" + "é" * 10,
    ],
)
def test_what_is_not_signed_starts_nothing(receiver: SimpleNamespace, signature: str) -> None:
    before = runs(receiver)
    answer = deliver(receiver, **{"X-Hub-Signature-256": signature})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert runs(receiver) == before


def test_two_signatures_are_not_one(receiver: SimpleNamespace) -> None:
    body = json.dumps(PUSH).encode()
    headers = [("X-GitHub-Event", "push"), ("X-Hub-Signature-256", signed(body)), ("X-Hub-Signature-256", signed(body))]
    assert httpx.post(receiver.url, content=body, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("payload", "event", "told"),
    [
        (PUSH, "ping", "only push"),
        (PUSH, "pull_request", "only push"),
        ({**PUSH, "ref": "refs/heads/feature"}, "push", "another branch or a tag"),
        ({**PUSH, "ref": "refs/tags/main"}, "push", "another branch or a tag"),
        ({**PUSH, "ref": "refs/heads/main "}, "push", "another branch or a tag"),
        ({**PUSH, "after": "0" * 40}, "push", "deleted"),
        ({**PUSH, "repository": {"full_name": "evil/shop"}}, "push", "another repository"),
    ],
)
def test_deliveries_in_order_that_start_nothing_say_why(
    receiver: SimpleNamespace, payload: dict, event: str, told: str
) -> None:
    before = runs(receiver)
    answer = deliver(receiver, payload, event)
    assert answer.status_code == 200
    assert told in answer.json()["ignored"]
    assert runs(receiver) == before


@pytest.mark.parametrize(
    ("payload", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"\xff", {}, 400),
        ({"ref": "x"}, {}, 400),
        ({**PUSH, "after": "HEAD"}, {}, 400),
        ({**PUSH, "after": ["x"]}, {}, 400),
        (b"x" * 3_000_000, {}, 413),
        (PUSH, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_what_cannot_be_read_is_named(receiver: SimpleNamespace, payload: Any, headers: dict, status: int) -> None:
    assert deliver(receiver, payload, **headers).status_code == status


@pytest.mark.parametrize("secret", ["", "short"])
def test_it_does_not_start_without_a_real_secret(tmp_path: Path, secret: str) -> None:
    import subprocess

    env = services.environment(
        SLIPWAY_CONFIG=str(CONFIG), SLIPWAY_WEBHOOK_REPOSITORY="team/shop", SLIPWAY_WEBHOOK_SECRET=secret
    )
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "--factory", "deployments.webhook:make_app", "--port", "0"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=services.PROJECT,
        check=False,
    )
    assert done.returncode != 0
    assert "at least 16 characters" in done.stderr


def test_a_prefect_server_that_is_gone_is_answered_503(receiver: SimpleNamespace) -> None:
    """Last: the server does not come back."""
    receiver.server.stop()
    assert deliver(receiver, {**PUSH, "after": "2e" * 20}).status_code == 503
