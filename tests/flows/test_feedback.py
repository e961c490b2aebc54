"""What a release tells, and what it keeps to itself, on a real Prefect server and worker with a real chat and forge.

The app is hostile: build and tests print every secret that the worker knows, in every form. They were told them, because
they are given none; they keep them scrambled, so that whatever is found in the clear was left there by us.
"""

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import psutil
import pytest
import yaml

from tasks import containers
from tasks.config.file import load_config
from tests.canaries import CANARIES, leaks, printed
from tests.contracts import ContractServer
from tests.tasks.forge.gitea_stand_in import GiteaStandIn
from tests.tasks.forge.stand_in import NAME, TOKEN
from tests.tasks.notify.receiver import Receiver, receiving

pytestmark = pytest.mark.slow
SCRAMBLE = 0x15
DOCKERFILE = """FROM python:3.13-slim AS base
ARG COMMIT
COPY say.py told.hex /
RUN python /say.py
FROM base AS test
COPY test.py /
"""
SAY = f"""import json, pathlib, sys
told = json.loads(bytes(b ^ {SCRAMBLE} for b in bytes.fromhex(pathlib.Path("/told.hex").read_text())))
for text in told:
    half = len(text) // 2
    for part in (text[:half], text[half:], "\\n"):
        sys.stdout.write(part)
        sys.stdout.flush()
"""
TEST = """import os, runpy, sys
from xml.sax.saxutils import escape, quoteattr
told = runpy.run_path("/say.py")["told"]
case = "<testcase classname='x' name=%s><failure message=%s>%s</failure></testcase>"
failed = [case % (quoteattr(t[:80]), quoteattr(t), escape(t)) for t in told if t.isprintable()][:40]
with open(os.environ["JUNIT"], "w", encoding="utf-8") as file:
    file.write("<testsuite>" + "".join(failed if len(sys.argv) > 1 else ["<testcase name='t'/>"]) + "</testsuite>")
sys.exit(len(sys.argv) > 1)
"""
HOSTILE = f"<!channel> [free]({'x'}) https://evil.example \x1b[31m{CANARIES['token']}"


def scrambled() -> str:
    texts = [text for secret in CANARIES.values() for text in printed(secret).values()]
    return bytes(b ^ SCRAMBLE for b in json.dumps(texts).encode()).hex()


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


@pytest.fixture
def forge() -> Iterator[tuple[GiteaStandIn, str]]:
    there = GiteaStandIn()
    with ContractServer(there.document(), there.answer) as server:
        yield there, server.url


@pytest.fixture
def told(product: Any, chat: Receiver, forge: tuple[GiteaStandIn, str], tmp_path_factory: Any) -> Iterator[Any]:
    """The hostile app, customers that roll out at once, a worker that knows the canaries, a chat and a forge."""

    class Customer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = f"main:.slipway/customers/{self.path.split('/')[1]}.yaml"
            shown = subprocess.run(["git", "-C", product.gitops.url, "show", file], check=True, capture_output=True)
            body = {"commit": yaml.safe_load(shown.stdout)["release"]["components"]["api"]["revision"]}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    secrets = tmp_path_factory.mktemp("secrets")
    places = [{"secret_file": str(secrets / str(n)), "events": ["nightly"]} for n in range(len(CANARIES))]
    for n, secret in enumerate(CANARIES.values()):
        (secrets / str(n)).write_text(secret)
    (secrets / "chat").write_text(chat.url())
    (secrets / "forge").write_text(TOKEN)
    product.secrets = secrets
    for section in ("e2e", "migrations"):
        del product.settings[section]
    product.settings["components"]["api"]["suites"] = {"unit": {"run": "python /test.py"}}
    product.settings["app"]["forge"] = {
        "kind": "gitea",
        "url": forge[1],
        "project": NAME,
        "token_file": str(secrets / "forge"),
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{{customer}}"
        product.configure(
            rollout={"url": url, "versions": {"api": "/version"}, "timeout": "60s"},
            rings=[{"name": "canary", "customers": ["fjord"]}, {"name": "all", "customers": "*", "approve": True}],
            notify=[{"secret_file": str(secrets / "chat")}, *places],
            addresses={"prefect": "https://prefect.example.no"},
        )
        yield product
        server.shutdown()


def hostile(product: Any, subject: str, **more: str) -> str:
    files = {"api/Dockerfile": DOCKERFILE, "api/say.py": SAY, "api/test.py": TEST, "api/told.hex": scrambled()}
    return product.app.commit(files | {name.replace("__", "/"): text for name, text in more.items()}, subject)


def until(true: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (reached := true()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return reached


def lines(forge: tuple[GiteaStandIn, str], commit: str) -> list[tuple[str, str]]:
    """What stood beside the commit, oldest first, one after the other."""
    return [(s["state"], s["description"]) for s in forge[0].statuses if s["commit"] == commit]


def plan_of(product: Any, run: Any) -> str:
    from prefect import get_client

    def shown() -> str:
        with get_client(sync_client=True) as client:
            keys = client.read_flow_run(run).state.state_details.run_input_keyset or {}
            answer = client._client.get(f"/flow_runs/{run}/input/{keys.get('schema')}")
        schema = answer.json() if answer.is_success else {}
        return (
            (json.loads(schema) if isinstance(schema, str) else schema)
            .get("properties", {})
            .get("plan_hash", {})
            .get("default")
        )

    return until(shown, 30)


def test_a_release_tells_as_it_moves_and_shows_no_secret_anywhere(
    told: Any, chat: Receiver, forge: tuple[GiteaStandIn, str]
) -> None:
    begun = time.time()
    refused = hostile(told, HOSTILE, api__fail="x")
    told.settings["components"]["api"]["suites"]["unit"]["run"] = "python /test.py fail"
    told.configure()
    first, state = told.release(refused)
    assert state.name == "Failed", state.message
    assert until(lambda: chat.posts)
    assert chat.posts[0]["title"] == f"tickets: release {refused[:7]} refused: 40 tests of api unit failed"
    assert "Command: slipway release" in chat.posts[0]["message"]
    assert f"Run: https://prefect.example.no/runs/flow-run/{first}" in chat.posts[0]["message"]
    assert "‹!channel› [free] (x) https[:]//evil.example ∗∗∗" in chat.posts[0]["message"]
    assert "- notify[0], " in told.artifact(first, "notifications")
    assert told.artifact(first, "notifications").endswith(": delivered")
    assert lines(forge, refused) == [("pending", "testing"), ("failure", "refused: 40 tests of api unit failed")]

    told.settings["components"]["api"]["suites"]["unit"]["run"] = "python /test.py"
    told.configure()
    commit = hostile(told, HOSTILE)
    run = told.start(commit)
    assert told.wait(run, "Suspended").name == "Suspended"
    assert until(lambda: len(chat.posts) == 2)
    assert chat.posts[1]["title"] == f"tickets: release {commit[:7]} waits for approval of ring all"
    assert f"Command: slipway approve {run}" in chat.posts[1]["message"]
    assert lines(forge, commit)[-1] == ("pending", "waiting for approval of ring all")
    answer = {"decision": "approve", "approved_by": "kari", "note": CANARIES["token"], "plan_hash": plan_of(told, run)}
    del answer["note"]
    assert until(lambda: told.resume(run, note="looks right", **answer) == "ACCEPT", 20)
    ended = told.wait(run, "Completed")
    assert ended.name == "Completed", ended.message
    assert until(lambda: len(chat.posts) == 3), "asked once, though the flow has begun twice"
    assert chat.posts[2]["title"] == f"tickets: release {commit[:7]} is done"
    assert "- 3 of 3 customers run it" in chat.posts[2]["message"]
    seen = lines(forge, commit)
    assert (seen[0], seen[-1]) == (("pending", "testing"), ("success", "3 of 3 customers run it"))
    assert ("pending", "waiting for approval of ring all") in seen and ("pending", "going on") in seen
    assert len(seen) <= 7
    assert {s["target_url"] for s in forge[0].statuses} == {
        f"https://prefect.example.no/runs/flow-run/{r}" for r in (first, run)
    }
    assert "Slipway-Release" in git(told, "show", "-s", "--format=%B", "main")

    found = {place: leaks(text) for place, text in everywhere(told, chat, forge, (first, run), begun)}
    assert len(found) > 20
    assert {place: kinds for place, kinds in found.items() if kinds} == {}


def everywhere(
    product: Any, chat: Receiver, forge: tuple[GiteaStandIn, str], runs: tuple[Any, ...], begun: float
) -> Iterator[tuple[str, str]]:
    """(place, all text there) of every place that a release leaves something in. Only the app itself is not looked at."""
    servers = product.servers
    yield "chat", chat.bodies()
    yield "forge", json.dumps(forge[0].statuses, ensure_ascii=False)
    rows = servers.database.rows()
    assert rows.count("***") > 200, "the secrets were printed, and reached the log"
    yield "Prefect's database", rows
    mirrors = servers.home / "mirrors"
    for file in (
        f
        for f in servers.folder.rglob("*")
        if f.is_file() and mirrors not in f.parents and "registry/data" not in str(f)
    ):
        yield str(file), file.read_bytes().decode("utf-8", "surrogateescape")
    logs = list((servers.home / "logs").rglob("*.log"))
    assert any(f.read_text().count("***") > 100 for f in logs), "the files hold what was printed, masked"
    for repository in (Path(product.gitops.url), *mirrors.glob("*gitops*")):
        yield f"objects of {repository}", objects(repository)
    for file in Path("/tmp").glob("*"):
        if file.is_file() and file.stat().st_mtime >= begun and file.stat().st_size < 50_000_000:
            yield str(file), file.read_bytes().decode("utf-8", "surrogateescape")
    for image in images(product):
        yield f"history and settings of {image}", json.dumps([image.history(), image.attrs])
        for name, text in layers(image):
            yield f"layer {name} of {image.tags}", text
    assert all(product.left(run) == 0 for run in runs)


def objects(repository: Path) -> str:
    argv = ["git", "-C", str(repository), "cat-file", "--batch", "--batch-all-objects", "--unordered"]
    return subprocess.run(argv, check=True, capture_output=True).stdout.decode("utf-8", "surrogateescape")


def images(product: Any) -> list[Any]:
    name = product.settings["components"]["api"]["image"]
    every = containers.engine().api.images()  # only told of, as others may be removing theirs
    trees = set(product.app.git("log", "--format=%H").split())
    trees = {product.app.git("rev-parse", f"{commit}:api") for commit in trees}
    ours = [i for i in every if any(t.startswith(name) or t.partition(":")[2] in trees for t in i["RepoTags"] or ())]
    found = [containers.engine().images.get(i["Id"]) for i in ours]
    assert len(found) >= 3, "tests and app of both commits"
    return found


def layers(image: Any) -> Iterator[tuple[str, str]]:
    """Contents of the layers that are not the base image's."""
    base = set(containers.engine().images.get("python:3.13-slim").attrs["RootFS"]["Layers"])
    own = [n for n, layer in enumerate(image.attrs["RootFS"]["Layers"]) if layer not in base]
    assert own
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as archive:
        names = json.load(archive.extractfile("manifest.json"))[0]["Layers"]
        for n in own:
            layer = archive.extractfile(names[n]).read()
            with tarfile.open(fileobj=io.BytesIO(layer)) as files:
                for member in (m for m in files.getmembers() if m.isfile()):
                    yield member.name, files.extractfile(member).read().decode("utf-8", "surrogateescape")


def git(product: Any, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", product.gitops.url, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_no_release_ends_silently(
    told: Any, chat: Receiver, forge: tuple[GiteaStandIn, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.states import Cancelled

    from tasks.run import feedback

    told.settings["components"]["api"]["suites"]["unit"]["run"] = "echo begun; sleep 300"
    told.configure()
    commit = hostile(told, "Sleeps in its tests")
    run = told.start(commit)
    assert until(lambda: told.left(run) >= 2)
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID") == str(run):
            process.kill()
    assert told.wait(run).name == "Crashed"
    assert until(lambda: chat.posts)
    assert chat.posts[0]["title"].startswith(f"tickets: release {commit[:7]} crashed")
    assert "Retry on the run's page" in chat.posts[0]["message"]
    assert until(lambda: lines(forge, commit)[-1:] and lines(forge, commit)[-1][0] == "failure")
    assert until(lambda: told.artifact(run, "notifications"))

    told.settings["components"]["api"]["suites"] = {}
    told.configure(rings=[{"name": "all", "customers": "*", "approve": True}])
    asleep = told.start(commit)
    assert told.wait(asleep, "Suspended").name == "Suspended"
    told.set_state(asleep, Cancelled(message="by a person"))  # nothing of ours runs that could tell
    monkeypatch.setenv("SLIPWAY_CONFIG", str(told.servers.config))
    monkeypatch.setenv("SLIPWAY_HOME", str(told.servers.home))
    config = load_config()
    assert asleep not in feedback.tell_silent_ends(config, "release/release"), "it might still be telling by itself"
    monkeypatch.setattr(feedback, "LEFT_TO_ITSELF", feedback.timedelta(0))
    assert asleep in feedback.tell_silent_ends(config, "release/release")
    assert run not in feedback.tell_silent_ends(config, "release/release")
    assert [p["title"] for p in chat.posts if p["title"].endswith("cancelled: by a person")] == [
        f"tickets: release {commit[:7]} cancelled: by a person"
    ]
    assert lines(forge, commit)[-1] == ("failure", "cancelled: by a person")


def test_an_older_run_does_not_overwrite_what_a_newer_one_said_of_the_same_commit(
    told: Any, forge: tuple[GiteaStandIn, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow, get_client
    from prefect.states import Completed, Failed, Running

    from tasks.run import feedback

    monkeypatch.setenv("SLIPWAY_CONFIG", str(told.servers.config))
    told.configure(notify=[])
    commit = f"{uuid4().hex}{'0' * 8}"
    story = flow(lambda request: None, name="story")

    with get_client(sync_client=True) as client:

        def run() -> Any:
            made = client.create_flow_run(
                story, parameters={"request": {"commit": commit}}, name=f"release {commit[:7]}"
            )
            client.set_flow_run_state(made.id, Running(), force=True)
            return made

        def ends(made: Any, state: Any) -> None:
            client.set_flow_run_state(made.id, state, force=True)
            feedback.ended(None, client.read_flow_run(made.id), state)

        old = run()
        feedback.begun(None, old, None)
        feedback.commit_status.settle(30)
        new = run()
        ends(new, Completed())
        ends(old, Failed(message="lost its machine"))
        feedback.begun(None, old, None)
        feedback.commit_status.settle(30)
        assert lines(forge, commit) == [("pending", "testing"), ("success", "every customer runs it")]

        client.set_flow_run_state(old.id, Running(), force=True)  # Retry: it is the newest now
        ends(old, Failed(message="again"))
    assert lines(forge, commit)[-1] == ("failure", "failed: again")
