"""The receiver believes only what is signed, keeps it before it answers, and makes one run of where the branch is."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments import services
from deployments.webhook import make_app
from tasks.errors import ConfigInvalid
from tests import deliveries, receivers
from tests.conftest import Repository
from tests.deliveries import MAIN, NOBODY, PROVIDERS, SECRET, SIGNATURE, SIGNING_TOKEN, Sent, push
from tests.ports import free_port
from tests.receivers import Answer, until

APPS = {
    **{p: p for p in PROVIDERS},
    "datacenter": "bitbucket",
    "lost": "github",
    "rewound": "github",
    "later": "github",
    "blind": "github",
    "twin": "github",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A receiver with an app for each sender, their repositories, and a Prefect server without a worker."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    folder = tmp_path_factory.mktemp("receiver")
    repositories = {}
    for name in APPS:
        (folder / name).mkdir()
        repositories[name] = Repository(folder / name) if name != "twin" else repositories["github"]
    more: dict[str, dict[str, Any]] = {"lost": {"poll": 1}, "datacenter": {"repository": "TEAM/shop"}}
    configs = [
        receivers.write_config(folder, name, repositories[name].url, provider, **more.get(name, {}))
        for name, provider in APPS.items()
    ]
    (folder / "gitlab.secret").write_text(f"{SECRET}\nthe secret that comes next\n{SIGNING_TOKEN}\n")
    port = free_port(4400)
    env = services.worker_environment(folder / "prefect", port, folder / "home", configs[0])
    api = env["PREFECT_API_URL"]
    with services.prefect_server(folder / "prefect", port) as server:
        server.wait_ready()
        services.deploy(env)
        with (
            temporary_settings({PREFECT_API_URL: api}),
            get_client(sync_client=True) as client,
            receivers.serving(folder, configs, api, folder / "home") as (receiver, hook),
        ):
            flow = client.read_deployment_by_name("release/release").flow_id
            for name in APPS:
                client.create_deployment(flow_id=flow, name=name)
            yield SimpleNamespace(
                port=hook,
                receiver=receiver,
                configs=configs,
                api=api,
                client=client,
                server=server,
                folder=folder,
                prefect_port=port,
                repositories=repositories,
            )


def deliver(world: SimpleNamespace, app: str, sent: Sent, method: str = "POST") -> Answer:
    return receivers.send(world.port, f"/hooks/{app}", sent, method)


def runs(world: SimpleNamespace, app: str) -> list[str]:
    """The commits of an app's runs, oldest first."""
    found = world.client.read_deployment_by_name(f"release/{app}").id
    made = [r for r in world.client.read_flow_runs(limit=200) if r.deployment_id == found]
    return [r.parameters["request"]["commit"] for r in sorted(made, key=lambda r: r.created)]


def waiting(world: SimpleNamespace) -> int:
    answer = receivers.send(world.port, "/health", Sent((), b""), "GET")
    return json.loads(answer.body)["waiting"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_push_of_each_sender_becomes_a_run(world: SimpleNamespace, provider: str) -> None:
    commit = world.repositories[provider].commit({"a": provider})
    answer = deliver(world, provider, push(provider, commit))
    assert (answer.status, json.loads(answer.body)) == (202, {"accepted": commit})
    until(lambda: runs(world, provider) == [commit])
    until(lambda: waiting(world) == 0)


def test_bitbucket_data_center_and_its_project_become_a_run(world: SimpleNamespace) -> None:
    commit = world.repositories["datacenter"].commit({"a": "1"})
    assert deliver(world, "datacenter", deliveries.bitbucket_data_center(commit, project="OTHER")).status == 200
    assert deliver(world, "datacenter", deliveries.bitbucket_data_center(commit)).status == 202
    until(lambda: runs(world, "datacenter") == [commit])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_cannot_prove_himself_is_401_and_starts_nothing(world: SimpleNamespace, provider: str) -> None:
    before, good, name = runs(world, provider), push(provider, "1f" * 20), SIGNATURE[provider]
    given = dict(good.headers)[name]
    wrong = [
        None,
        "",
        given[:-1],
        given + "0",
        given.replace(given[-1], "é"),
        "sha256=" + "0" * 64,
        "0" * 64,
        "Bearer ",
    ]
    sent = [good.with_header(name, w) for w in wrong] + [
        good.with_twice(name),
        push(provider, "1f" * 20, secret="x" * 16),
    ]
    if provider != "bearer":
        sent.append(good.with_header("Authorization", f"Bearer {SECRET}").with_header(name, None))
    if provider not in ("bearer", "gitlab"):
        sent.append(replace(good, body=good.body + b" "))
    answers = [deliver(world, provider, s) for s in sent]
    assert {a.status for a in answers} == {401}
    assert {a.headers["content-type"] for a in answers} == {"application/problem+json"}
    assert all(SECRET.encode() not in a.body and b"team" not in a.body for a in answers)
    assert runs(world, provider) == before


def test_gitlabs_signing_token_counts_for_five_minutes(world: SimpleNamespace) -> None:
    good = deliveries.standard(push("gitlab", NOBODY))
    assert deliver(world, "gitlab", good).status == 200
    late, early = (deliveries.standard(push("gitlab", NOBODY), age=age) for age in (400, -400))
    other = good.with_header("webhook-id", "another")
    loose = good.with_header("webhook-timestamp", dict(good.headers)["webhook-timestamp"] + ".5")
    for sent in (late, early, other, loose, good.with_header("webhook-signature", "v1"), good.with_twice("webhook-id")):
        assert deliver(world, "gitlab", sent).status == 401


def test_a_secret_is_changed_by_a_second_line(world: SimpleNamespace) -> None:
    next_one = push("gitlab", NOBODY, secret="the secret that comes next")
    assert deliver(world, "gitlab", next_one).status == 200
    file = world.folder / "gitea.secret"
    file.write_text("another secret of the tests\n")
    assert deliver(world, "gitea", push("gitea", NOBODY)).status == 401
    file.unlink()
    assert deliver(world, "gitea", push("gitea", NOBODY)).status == 503
    file.write_text(SECRET)
    assert deliver(world, "gitea", push("gitea", NOBODY)).status == 200


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p != "bearer"])
def test_what_is_in_order_and_starts_nothing_says_why(world: SimpleNamespace, provider: str) -> None:
    commit, before = "2e" * 20, runs(world, provider)
    event = {"github": "X-GitHub-Event", "gitlab": "X-Gitlab-Event", "gitea": "X-Gitea-Event"}.get(
        provider, "X-Event-Key"
    )
    cases = [
        (push(provider, commit, "refs/heads/feature"), "another branch or a tag"),
        (push(provider, commit, "refs/heads/main "), "another branch or a tag"),
        (push(provider, commit, "refs/heads/mаin"), "another branch or a tag"),  # a Cyrillic letter
        (push(provider, commit, repository="evil/shop"), "another repository"),
        (push(provider, NOBODY, before=commit), "deleted"),
        (push(provider, commit).with_header(event, "ping"), "only the event"),
    ]
    if provider != "gitlab":
        cases.append((push(provider, commit, "refs/tags/main"), "another branch or a tag"))
    for sent, told in cases:
        answer = deliver(world, provider, sent)
        assert answer.status == 200, told
        assert told in json.loads(answer.body)["ignored"]
    assert runs(world, provider) == before


def signed(body: bytes, kind: str = "application/json") -> Sent:
    """A body as it is, signed as GitHub does."""
    sent = replace(push("github", NOBODY), body=body).with_header("Content-Type", kind)
    return sent.with_header("X-Hub-Signature-256", f"sha256={deliveries.digest(body)}")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (signed(b"{"), 400),
        (signed(b"[]"), 400),
        (signed(b"[" * 100_000), 400),
        (signed(b"\xff"), 400),
        (signed(b'{"ref": NaN}'), 400),
        (signed(b'{"ref": ' + b"9" * 10_000 + b"}"), 400),
        (signed(b'{"ref": "refs/heads/main"}'), 400),
        (signed(push("github", "HEAD").body), 400),
        (signed(push("github", NOBODY).body.replace(b'"ref":', b'"ref": "x", "ref":')), 400),
        (signed(b"x" * 2_000_001), 413),
        (signed(b"x" * 1_999_999), 400),
        (signed(push("github", NOBODY).body, "text/plain"), 415),
        (signed(b"payload=", "application/x-www-form-urlencoded"), 400),
        (signed(b"payload=%7B%7D&payload=%7B%7D", "application/x-www-form-urlencoded"), 400),
        (deliveries.as_form(push("github", NOBODY)), 200),
    ],
)
def test_what_cannot_be_read_is_named(world: SimpleNamespace, sent: Sent, status: int) -> None:
    assert deliver(world, "github", sent).status == status


def test_bearer_asks_for_a_commit_and_nothing_else(world: SimpleNamespace) -> None:
    good = push("bearer", "1f" * 20)
    for body in (b"{}", b'{"commit": "main"}', b'{"commit": null}', b'{"commit": "' + b"1f" * 20 + b'", "ref": "x"}'):
        answer = deliver(world, "bearer", replace(good, body=body))
        assert answer.status == (200 if b"null" in body else 400), body


def test_other_paths_and_methods_are_problems_too(world: SimpleNamespace) -> None:
    good = push("github", "1f" * 20)
    for path, method, status in (
        ("/hooks/nobody", "POST", 404),
        ("/hooks/github/", "POST", 404),
        ("/hooks/..%2fgithub", "POST", 404),
        ("/", "GET", 404),
        ("/hooks/github", "GET", 405),
        ("/docs", "GET", 404),
    ):
        answer = receivers.send(world.port, path, good, method)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), path


def test_one_run_for_a_commit_however_often_it_is_told(world: SimpleNamespace) -> None:
    repository = world.repositories["github"]
    old = repository.commit({"a": "old"})
    first, again = push("github", old), push("github", old)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: deliver(world, "github", first if n % 2 else again), range(64)))
    assert {a.status for a in answers} == {202}
    until(lambda: old in runs(world, "github"))
    new = repository.commit({"a": "new"})
    assert deliver(world, "github", push("github", new)).status == 202
    until(lambda: new in runs(world, "github"))
    assert deliver(world, "github", first).status == 202  # an old push, replayed
    assert deliver(world, "github", push("github", new)).status == 202
    until(lambda: waiting(world) == 0)
    assert runs(world, "github")[-2:] == [old, new]
    assert runs(world, "github").count(old) == 1


def test_two_apps_of_one_repository_each_have_their_run_of_a_commit(world: SimpleNamespace) -> None:
    commit = world.repositories["github"].commit({"a": "both"})
    for app in ("github", "twin"):
        assert deliver(world, app, push("github", commit)).status == 202
    for app in ("github", "twin"):
        until(lambda app=app: runs(world, app)[-1:] == [commit])


def test_a_lost_webhook_becomes_a_run_all_the_same(world: SimpleNamespace) -> None:
    """What is on the branch when Slipway is installed is not released; what comes later is."""
    repository = world.repositories["lost"]
    repository.commit({"a": "before"})
    until(lambda: (world.folder / "home/spool/lost/asked").exists())
    commit = repository.commit({"a": "after"})
    until(lambda: runs(world, "lost") == [commit])


def test_a_branch_that_was_put_back_gets_another_run(world: SimpleNamespace) -> None:
    repository = world.repositories["rewound"]
    first = repository.commit({"a": "1"})
    deliver(world, "rewound", push("github", first))
    until(lambda: runs(world, "rewound") == [first])
    second = repository.commit({"a": "2"})
    deliver(world, "rewound", push("github", second))
    until(lambda: runs(world, "rewound") == [first, second])
    repository.git("push", "--quiet", "--force", "origin", f"{first}:{MAIN}")
    deliver(world, "rewound", push("github", first, before=second))
    until(lambda: runs(world, "rewound") == [first, second, first])


def test_without_the_repository_the_newest_delivery_is_believed_once(world: SimpleNamespace) -> None:
    shutil.rmtree(world.repositories["blind"].url)
    first, second = push("github", "3a" * 20), push("github", "3b" * 20)
    for sent in (first, second, first):
        assert deliver(world, "blind", sent).status == 202
        until(lambda: waiting(world) == 0)
    assert runs(world, "blind") == ["3a" * 20, "3b" * 20]
    assert b'"repository":"failing"' in receivers.send(world.port, "/health", Sent((), b""), "GET").body


def test_metrics_count_by_app_and_answer(world: SimpleNamespace) -> None:
    commit = world.repositories["gitea"].commit({"a": "metrics"})
    for sent in (push("gitea", NOBODY), push("gitea", commit)):
        deliver(world, "gitea", sent)
    until(lambda: commit in runs(world, "gitea"))
    until(lambda: waiting(world) == 0)
    deliver(world, "nobody", push("gitea", commit))
    text = receivers.send(world.port, "/metrics", Sent((), b""), "GET").body.decode()
    for line in (
        'slipway_deliveries_total{app="gitea",outcome="ignored"}',
        'slipway_deliveries_total{app="gitea",outcome="accepted"}',
        'slipway_runs_asked_total{app="gitea"}',
        'slipway_spool_waiting{app="later"} 0.0',
        'slipway_delivery_seconds_bucket{app="gitea",le="1.0"}',
        'slipway_looks_total{app="gitea",result="answered"}',
    ):
        assert line in text
    assert "nobody" not in text


def test_what_cannot_be_kept_is_not_accepted(world: SimpleNamespace) -> None:
    spool = world.folder / "home/spool/later"
    spool.rename(spool.with_name("away"))
    answer = deliver(world, "later", push("github", "1f" * 20))
    spool.with_name("away").rename(spool)
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")


def test_prefect_and_the_receiver_may_be_away_for_a_while(world: SimpleNamespace) -> None:
    """Last: both are others afterwards, on the same disk. What came before another commit of a CI job is left out."""
    until(lambda: waiting(world) == 0)  # what tests before have sent
    world.server.stop()
    commit = world.repositories["later"].commit({"a": "1"})
    old, new = (world.repositories["bearer"].commit({"a": text}) for text in ("old", "new"))
    for app, sent in (
        ("later", push("github", commit)),
        ("bearer", push("bearer", new)),
        ("bearer", push("bearer", old)),
    ):
        assert deliver(world, app, sent).status == 202
    until(lambda: b'"prefect":"failing"' in receivers.send(world.port, "/health", Sent((), b""), "GET").body)
    assert waiting(world) == 3
    os.killpg(world.receiver.process.pid, signal.SIGKILL)
    with (
        receivers.serving(world.folder, world.configs, world.api, world.folder / "home") as (_, world.port),
        services.prefect_server(world.folder / "prefect", world.prefect_port) as server,
    ):
        server.wait_ready()
        until(lambda: runs(world, "later") == [commit])
        until(lambda: waiting(world) == 0)
        assert runs(world, "bearer")[-1] == new
        assert old not in runs(world, "bearer")


@pytest.mark.parametrize(
    ("provider", "secret", "told"),
    [
        ("github", "", "no secret"),
        ("github", "short", "too short"),
        ("github", f"{SECRET}\nshort", "too short"),
        ("gitlab", "whsec_not base64 at all", "not whole"),
    ],
)
def test_it_does_not_start_without_a_real_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, secret: str, told: str
) -> None:
    config = receivers.write_config(tmp_path, "shop", "/nowhere.git", provider)
    (tmp_path / "shop.secret").write_text(secret)
    monkeypatch.setenv("SLIPWAY_CONFIG", str(config))
    with pytest.raises(ConfigInvalid, match=told) as caught:
        make_app()
    assert "not base64 at all" not in str(caught.value)


def test_apps_share_neither_name_nor_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*configs: Path) -> None:
        monkeypatch.setenv("SLIPWAY_CONFIG", ":".join(map(str, configs)))
        make_app()

    write: Callable[..., Path] = receivers.write_config
    one = write(tmp_path, "one", "/nowhere.git", "github")
    two = write(tmp_path, "two", "/nowhere.git", "github", deployment="release/one")
    with pytest.raises(ConfigInvalid, match="two apps are called one"):
        start(one, one)
    with pytest.raises(ConfigInvalid, match="one and two would be released by one deployment"):
        start(one, two)
