"""Releases that are killed: a tiny app, its customers, and what a release of it leaves when it has ended.

Everything is real but the cluster: an HTTP server answers for each customer what the GitOps branch says at that moment.
"""

import json
import os
import queue
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import psutil
import yaml

from deployments import services
from deployments.demo.world import NO_DIGEST
from tasks import containers
from tasks.git import FETCHING
from tests.images import forget
from tests.ports import free_port
from tests.reliability.attempts import LIMIT_SECONDS, Attempts

CUSTOMERS = ("aal", "bre", "dal", "fjord")
BAD = "dal"
CHECKS = frozenset({"suite", "migrations", "e2e"})
AT_ONCE = 2
GONE_SECONDS = 60
SERVER = """
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"commit": os.environ["COMMIT"]}).encode())

if __name__ == "__main__":
    http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""
APP = {
    "api/Dockerfile": (
        "FROM python:3.13-slim AS base\nWORKDIR /app\nCOPY server.py ./\nFROM base AS test\nCOPY test_server.py ./\n"
        'FROM base AS production\nEXPOSE 8080\nCMD ["python", "server.py"]\nARG COMMIT=unknown\nENV COMMIT=$COMMIT\n'
    ),
    "api/server.py": SERVER,
    "api/test_server.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test(self): import server\n",
    "api/migrations/0001_thing.sql": "CREATE TABLE thing (id int PRIMARY KEY);\n",
    "e2e/Dockerfile": "FROM python:3.13-slim\nCOPY smoke.py /smoke.py\n",
    "e2e/smoke.py": (
        "import json, urllib.request\nassert len(json.load(urllib.request.urlopen('http://api:8080/'))['commit']) == 40\n"
    ),
}
CHANGED = {
    "api/server.py": SERVER + "# changed\n",
    "api/migrations/0002_name.sql": "ALTER TABLE thing ADD COLUMN name text;\n",
}


class Kill(NamedTuple):
    """One kill -9: at a place or after some seconds.

    `group`: git and docker die with it. `hook`: the worker cleans up then. `elsewhere`: the retry runs on another machine,
    which has no mirror of anything.
    """

    place: str = ""
    seconds: float = LIMIT_SECONDS
    group: bool = False
    hook: bool = False
    elsewhere: bool = False


class End(NamedTuple):
    """How a release ended: the run's state, the GitOps branch, what is left besides, how often it was killed."""

    state: str
    message: str
    tree: Mapping[str, bytes]
    commits: Sequence[str]
    left: Sequence[str]
    kills: int
    seconds: float


class Failed(NamedTuple):
    """A release in which one step after the other failed once: how each attempt ended, what was passed, the steps of all attempts."""

    messages: Sequence[str]
    passed: Sequence[str]
    steps: Sequence[tuple[str, str]]
    end: End


class Releases:
    """Releases the same commit of the same app again and again, each time to a GitOps repository of its own."""

    def __init__(self, folder: Path, app: Any, gitops: Any, registry: str, api: str, port: int) -> None:
        self.folder, self.registry, self.port = folder, registry, port
        self.app, self.base = app, Path(gitops.url)
        self.first = app.commit(APP, "Tiny")
        image = f"registry.example/tiny/api@{NO_DIGEST}"
        gitops.commit({f"{c}/app.yaml": f"# {c}\nspec: {{image: '{image}'}}  # kept\n" for c in CUSTOMERS}, "customers")
        # As forges protect main: whoever forces a push loses somebody's commit.
        _git(self.base, "config", "receive.denyNonFastForwards", "true")
        self.api, self.changed, self.lanes = api, "", queue.Queue[Attempts]()

    def begin(self) -> None:
        """Takes the first commit to everybody, whose repository is copied from then on, and makes the second one."""
        end = self.release("first", commit=self.first)
        assert end.state == "Completed", end.message
        self.base = self.folder / "first" / "gitops.git"
        self.changed = self.app.commit(CHANGED, "Changed")

    def release(
        self,
        name: str,
        kills: Sequence[Kill] = (),
        *,
        checks: Collection[str] = CHECKS,
        bad: bool = False,
        fresh: bool = False,
        commit: str = "",
        record: bool = False,
    ) -> End:
        """One release in a folder of its own, killed and retried until it ends.

        `checks`: what the app has of them. `bad`: one customer does not come up and is put back. `fresh`: nothing is built
        yet. `record`: every place that is passed stands in the file `kills/0/passed`.
        """
        case = self._case(name, self._settings(name, checks, bad, fresh))
        lane, start = self.lanes.get(), time.monotonic()
        try:
            run, home, groups, killed = self._run(lane, case, commit or self.changed, kills, record)
        finally:
            self.lanes.put(lane)
        return self._end(case, run, home, groups, killed, time.monotonic() - start)

    def fail_in_turn(self, name: str, places: Sequence[str]) -> Failed:
        """One release that fails at each of these places in an attempt of its own (several as A+B), and is retried each time."""
        from prefect.client.schemas.filters import FlowRunFilter
        from prefect.states import AwaitingRetry

        settings = self._settings(name, CHECKS, False, True)
        del settings["rollout"]["on_failure"]  # a customer that is not seen running it stays, and is looked at again
        case, lane, start = self._case(name, settings), self.lanes.get(), time.monotonic()
        messages, groups, wanted = [], [], {"request": {"commit": self.changed}}
        try:
            with _client(self.api) as client:
                deployment = client.read_deployment_by_name("release/killed")
                run = client.create_flow_run_from_deployment(deployment.id, parameters=wanted)
                for place in (*places, "nowhere"):
                    env = _environment(case, case / "home", run.id, f"{place}=refuse@{case / 'kills'}")
                    groups.append(lane.run(str(run.id), case / "attempts.log", env).group)
                    run = client.read_flow_run(run.id)
                    messages.append(run.state.message or "")
                    if place != "nowhere":
                        client.set_flow_run_state(run.id, AwaitingRetry())
                mine = FlowRunFilter(id={"any_": [run.id]})
                steps = [(r.name, r.state_name) for r in _task_runs(client, mine)]
        finally:
            self.lanes.put(lane)
        end = self._end(case, run, case / "home", groups, 0, time.monotonic() - start)
        return Failed(messages, (case / "kills/passed").read_text().split(), steps, end)

    def _case(self, name: str, settings: dict[str, Any]) -> Path:
        case = self.folder / name
        for part in ("home", "tmp", "kills"):
            (case / part).mkdir(parents=True)
        shutil.copytree(self.base, case / "gitops.git")
        (case / "release.yaml").write_text(yaml.safe_dump(settings))
        return case

    def _end(self, case: Path, run: Any, home: Path, groups: Sequence[int], killed: int, seconds: float) -> End:
        left = [*_running(groups), *_left(case, home, run.id)]
        state, message = run.state.name, (run.state.message or "").replace(case.name, "CASE")
        return End(state, message, _tree(case), _commits(case, case.name), left, killed, seconds)

    def _run(
        self, lane: Attempts, case: Path, commit: str, kills: Sequence[Kill], record: bool
    ) -> tuple[Any, Path, list[int], int]:
        from prefect.states import AwaitingRetry, Crashed

        with _client(self.api) as client:
            deployment = client.read_deployment_by_name("release/killed")
            run = client.create_flow_run_from_deployment(deployment.id, parameters={"request": {"commit": commit}})
            groups, home = [], case / "home"
            for number, kill in enumerate([*kills, Kill()]):
                env = _environment(case, home, run.id, _failpoint(case / "kills", number, kill, record))
                attempt = lane.run(str(run.id), case / "attempts.log", env, kill.seconds, kill.group)
                groups.append(attempt.group)
                if attempt.code != -9:
                    break
                client.set_flow_run_state(run.id, Crashed(message="killed"))
                if kill.elsewhere:
                    home = home.with_name(f"home-{number}")
                if kill.hook:
                    containers.remove_leftovers(str(run.id))
                client.set_flow_run_state(run.id, AwaitingRetry())
            return client.read_flow_run(run.id), home, groups, number

    def _settings(self, name: str, checks: Collection[str], bad: bool, fresh: bool) -> dict[str, Any]:
        image = f"{self.registry}/{name if fresh else 'tiny'}/api"
        case = {"env": {"CASE": name}}  # so that no case finds the evidence of another
        suites = {"unit": {"run": "python -m unittest --quiet", **case}} if "suite" in checks else {}
        sections: dict[str, Any] = {
            "migrations": {"component": "api", "tool": "sql"},
            "e2e": {"path": "e2e", "smoke": "python /smoke.py", **case},
        }
        return {
            **{section: settings for section, settings in sections.items() if section in checks},
            "app": {"name": name if fresh else "tiny", "repository": self.app.url},
            "components": {"api": {"path": "api", "image": image, "suites": suites, "run": {"port": 8080}}},
            "gitops": {
                "repository": str(self.folder / name / "gitops.git"),
                "targets": {"api": [{"file": "{customer}/app.yaml", "path": "spec.image", "mirror": True}]},
            },
            "rings": [{"name": "canary", "customers": ["aal"], "soak": 0.1}, {"name": "all", "customers": "*"}],
            "rollout": {
                "url": f"http://127.0.0.1:{self.port}/{name}/{'bad' if bad else 'good'}/{{customer}}",
                "versions": {"api": "/version"},
                "timeout": 1 if bad else 60,
                "on_failure": "rollback",
            },
        }

    def answer(self, path: str) -> str:
        """The commit that a customer runs: the one whose image its file names, but a bad customer never gets further."""
        name, good, customer, _ = path.strip("/").split("/")
        repository = self.folder / name / "gitops.git"
        stated = yaml.safe_load(_git(repository, "show", f"main:.slipway/customers/{customer}.yaml"))
        deployed = stated["release"]["components"]["api"]
        assert deployed["digest"] in _git(repository, "show", f"main:{customer}/app.yaml")
        return self.first if good == "bad" and customer == BAD else str(deployed["revision"])


@contextmanager
def opened(folder: Path, app: Any, gitops: Any) -> Iterator[Releases]:
    """Registry, Prefect server, customers and two lanes for attempts, for the length of a block."""
    port, registry_port = free_port(4700), free_port(5400)
    env = services.worker_environment(folder / "prefect", port, folder / "home", folder / "release.yaml")
    with ExitStack() as stack:
        server = stack.enter_context(services.prefect_server(folder / "prefect", port))
        stack.enter_context(services.registry(folder / "registry", registry_port)).wait_ready()
        releases = Releases(folder, app, gitops, f"127.0.0.1:{registry_port}", env["PREFECT_API_URL"], free_port(4900))
        stack.enter_context(_customers(releases))
        for _ in range(AT_ONCE):
            lane = Attempts(env)
            stack.callback(lane.close)
            releases.lanes.put(lane)
        server.wait_ready()
        _deploy(releases.api)
        stack.callback(forget, (f"{releases.registry}/", "slipway/case-", "slipway/tiny-"))
        releases.begin()
        yield releases


@contextmanager
def _client(api: str) -> Iterator[Any]:
    """Settings of Prefect hold in one thread only."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        yield client


def _deploy(api: str) -> None:
    """Only a run of a deployment can be retried; this one has no worker."""
    from flows.release import release

    with _client(api) as client:
        client.create_deployment(client.create_flow(release), "killed")


@contextmanager
def _customers(releases: Releases) -> Iterator[None]:
    class Customer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"commit": releases.answer(self.path)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", releases.port), Customer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _environment(case: Path, home: Path, run: object, failpoint: str) -> dict[str, str]:
    return {
        "SLIPWAY_HOME": str(home),
        "SLIPWAY_CONFIG": str(case / "release.yaml"),
        "TMPDIR": str(case / "tmp"),
        "PREFECT__FLOW_RUN_ID": str(run),
        "SLIPWAY_FAILPOINT": failpoint,
    }


def _task_runs(client: Any, wanted: Any) -> list[Any]:
    """Every task run; the server gives 200 at once, and learns of the last ones a moment after they have ended."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        runs: list[Any] = []
        while page := client.read_task_runs(flow_run_filter=wanted, limit=200, offset=len(runs)):
            runs += page
        if all(r.end_time for r in runs) or time.monotonic() > deadline:
            return runs
        time.sleep(0.2)


def _failpoint(folder: Path, number: int, kill: Kill, record: bool) -> str:
    """A folder of its own for each attempt: a second kill at the same place is meant."""
    here = folder / str(number)
    here.mkdir()
    return f"@{here}" if record else f"{kill.place}=kill@{here}" if kill.place else ""


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "--git-dir", str(repository), *arguments], check=True, capture_output=True, text=True
    ).stdout


def _tree(case: Path) -> dict[str, bytes]:
    """Every file of the GitOps branch."""
    listing = _git(case / "gitops.git", "ls-tree", "-r", "-z", "main")
    lines = [line.split(None, 3) for line in listing.split("\0") if line]
    return {
        path: f"{mode} ".encode() + _git(case / "gitops.git", "cat-file", "blob", blob).encode()
        for mode, _, blob, path in lines
    }


def _commits(case: Path, name: str) -> list[str]:
    """Subjects, the oldest first."""
    lines = _git(case / "gitops.git", "log", "--reverse", "--format=%s", "main").splitlines()
    return [line.replace(f"{name}:", "tiny:") for line in lines]


def _left(case: Path, home: Path, run: object) -> list[str]:
    """Everything that a release has for a moment only, and that is still there; `home` is where it ended."""
    client, label = containers.engine(), {"label": f"{containers.RUN_LABEL}={run}"}
    found = [f"container {c.name}" for c in client.containers.list(all=True, filters=label, ignore_removed=True)]
    found += [f"network {n.name}" for n in client.networks.list(filters=label)]
    # The place where the writers of one user wait for their turns stays, empty of any lock.
    temporary = [p for p in (case / "tmp").glob("*") if not p.name.startswith("slipway-turns-")]
    found += [str(p) for p in (*temporary, *(home / "scratch").glob("*"))]
    found += [str(p) for folder in (case / "gitops.git", home) for p in folder.rglob("*.lock")]
    for repository in [case / "gitops.git", *(home / "mirrors").glob("*")]:
        refs = _git(repository, "for-each-ref", "--format=%(refname)").split()
        found += [f"{repository.name} {ref}" for ref in refs if ref.startswith(FETCHING)]
        found += [
            f"{repository.name} {r}" for r in refs if not r.startswith("refs/slipway/") and r != "refs/heads/main"
        ]
    return found


def _running(groups: Sequence[int]) -> list[str]:
    """Processes that outlive their attempt by more than what a build or a push takes."""
    deadline = time.monotonic() + GONE_SECONDS
    while alive := [p for p in psutil.process_iter(["cmdline"]) if _group(p.pid) in groups]:
        if time.monotonic() > deadline:
            return [f"process {' '.join(p.info['cmdline'] or [])}" for p in alive]
        time.sleep(0.1)
    return []


def _group(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0
