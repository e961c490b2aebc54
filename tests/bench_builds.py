"""How long images take: beside `docker build` and `docker push` by hand, two at once, and from an emptied builder with a cache."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployments import services
from deployments.demo.base_images import ensure_base_images
from deployments.demo.world import SHOP
from tasks.config.model import Config
from tasks.containers import engine
from tasks.images import builder
from tasks.images.build import build_image
from tasks.images.options import cache_mode
from tasks.models import ComponentChange, Image, ReleaseRequest
from tasks.source.checkout import check_out
from tests.conftest import Repository

# Dependencies in a layer of their own, the code in the last one: what a backend's Dockerfile does. The demo's own dependencies.
LOCK = (SHOP / "backend" / "requirements.lock").read_text()
DOCKERFILE = """FROM python:3.13-slim
COPY requirements.lock .
RUN echo {nonce} && python -m venv /venv && /venv/bin/pip install --no-cache-dir --quiet --require-hashes -r requirements.lock
COPY main.py /
"""
CHANGES = 5


class App:
    """An app of two components, images in a registry of its own; every build comes from a commit."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.repository, self.registry, self.number = Repository(folder), registry, 0

    def config(self, **build: object) -> Config:
        url = self.repository.url
        component = {"build": {"cache": build}, "run": {"port": 80}}
        return Config.model_validate(
            {
                "app": {"name": "bench", "repository": url},
                "components": {n: {"path": n, "image": f"{self.registry}/bench/{n}", **component} for n in ("a", "b")},
                "gitops": {"repository": url, "targets": {n: [{"file": "{customer}", "path": n}] for n in ("a", "b")}},
                "rings": [{"name": "all", "customers": "*"}],
                "rollout": {"versions": {"a": "/version"}},
            }
        )

    def commit(self, nonce: str = "") -> str:
        """One line of each component's code; with a nonce its dependencies, too."""
        self.number += 1
        files = {f"{n}/main.py": f"print({self.number}, '{n}')\n" for n in ("a", "b")}
        if nonce:
            files |= {f"{n}/Dockerfile": DOCKERFILE.format(nonce=nonce + n) for n in ("a", "b")}
            files |= {f"{n}/requirements.lock": LOCK for n in ("a", "b")}
        return self.repository.commit(dict(files))

    def build(self, commit: str, name: str, **cache: object) -> Image:
        config = self.config(**cache)
        source = check_out(config, ReleaseRequest(commit=commit))
        return build_image(config, source, ComponentChange(name=name, tree=source.trees[name], changed=True))

    def by_hand(self, commit: str, name: str) -> None:
        """What a person types: the same tree, the same builder, the same registry."""
        there, tag = builder.find(), f"{self.registry}/by-hand/{name}:{commit}"
        archive = subprocess.run(
            ["git", "-C", self.repository.url, "archive", f"{commit}:{name}"], check=True, capture_output=True
        )
        loading = ["--load"] if there.kind == "buildx" else []
        run = {"check": True, "capture_output": True, "env": builder.environment(there)}
        subprocess.run([*there.command, "--tag", tag, *loading, "-"], input=archive.stdout, **run)
        subprocess.run([there.program, "push", tag], **run)


def main() -> None:
    """Prints one line per figure."""
    ensure_base_images(lambda _: None)
    port = services.free_port(5900)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        os.environ["SLIPWAY_HOME"] = str(Path(folder, "home"))
        Path(folder, "app").mkdir()
        with services.registry(Path(folder, "registry"), port) as server:
            server.wait_ready()
            app = App(Path(folder, "app"), f"127.0.0.1:{port}")
            try:
                _one_line(app)
                _two_at_once(app)
                _from_nothing(app)
            finally:
                _forget(app)


def _one_line(app: App) -> None:
    first = app.commit(nonce=str(time.time_ns()))
    app.build(first, "a")
    app.by_hand(first, "a")
    ours, theirs = [], []
    for _ in range(CHANGES):
        commit = app.commit()
        theirs.append(_seconds(lambda c=commit: app.by_hand(c, "a")))
        commit = app.commit()
        ours.append(_seconds(lambda c=commit: app.build(c, "a")))
    told = f"build and push {statistics.median(ours):.2f} s, by hand {statistics.median(theirs):.2f} s"
    _print("one line changed, median of 5", f"{told}, ratio {statistics.median(ours) / statistics.median(theirs):.2f}")


def _two_at_once(app: App) -> None:
    commit = app.commit(nonce=str(time.time_ns()))
    alone = [_seconds(lambda n=name: app.build(commit, n)) for name in ("a", "b")]
    commit = app.commit(nonce=str(time.time_ns()))
    with ThreadPoolExecutor(2) as pool:
        wall = _seconds(lambda: list(pool.map(lambda name: app.build(commit, name), ("a", "b"))))
    told = f"{wall:.1f} s; alone {alone[0]:.1f} s and {alone[1]:.1f} s"
    _print("two components at once", f"{told}, wall / longer one {wall / max(alone):.2f}")


def _from_nothing(app: App) -> None:
    """Only what these builds left is thrown away, not the cache of whoever runs this."""
    seconds = {}
    for mode in ("none", "registry"):
        nonce = f"{mode}{time.time_ns()}"
        app.build(app.commit(nonce=nonce), "a", mode=mode)
        _forget(app)
        _empty_builder(nonce)
        commit = app.commit()
        seconds[mode] = _seconds(lambda c=commit, m=mode: app.build(c, "a", mode=m))
    chosen = cache_mode(app.config(mode="registry").components["a"].build.cache, builder.find())
    told = f"{seconds['registry']:.1f} s with cache {chosen}, {seconds['none']:.1f} s without"
    _print("one line, emptied builder", f"{told}, ratio {seconds['registry'] / seconds['none']:.2f}")


def _forget(app: App) -> None:
    """Removes the images of these builds from the Engine."""
    for image in engine().images.list():
        for tag in image.tags:
            if tag.startswith(f"{app.registry}/"):
                engine().images.remove(tag, force=True)


def _empty_builder(nonce: str) -> None:
    """Throws away the steps that name the nonce, and those made from them, the last ones first."""
    api = engine().api
    records = api.df()["BuildCache"] or []
    gone = [r for r in records if nonce in str(r.get("Description"))]
    while more := [r for r in records if r.get("Parent") in {g["ID"] for g in gone} and r not in gone]:
        gone += more
    for record in reversed(gone):
        filters = f'{{"id": {{"{record["ID"]}": true}}}}'
        api._post(api._url("/build/prune"), params={"all": "true", "filters": filters}).raise_for_status()


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _print(name: str, told: str) -> None:
    print(f"{name:<52} {told}", flush=True)


if __name__ == "__main__":
    main()
