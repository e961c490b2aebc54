"""The GitOps engine beside the git program: a ring of 10, 1,000 and 5,000 customers with two images each.

Against a bare repository on this disk. The raw program edits the same files with sed's work done in Python, adds, commits and
pushes them: what no writer that uses git can be quicker than by much. Each size runs in a process of its own, for its memory.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops.commit import commit_ring
from tasks.gitops.edit import edit_customers
from tasks.gitops.fleet import read_fleet
from tasks.models import Edits, Image, Release, ReleaseRequest, RingPlan

SIZES = (10, 1_000, 5_000)
FILE = """\
# {name}
resources: [../../base]
images:
  - name: shop/backend      # the API
    newName: registry.example.no/shop/backend
    digest: "sha256:{digest}"   # set by releases
  - {{name: shop/frontend, newName: registry.example.no/shop/frontend, digest: sha256:{digest}}}
"""


def git(*arguments: str, cwd: Path) -> str:
    """The raw program."""
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A bare repository with these files, and a work tree beside it."""
    work, bare = folder / "work", folder / "bare.git"
    work.mkdir(parents=True)
    git("init", "--quiet", "-b", "main", ".", cwd=work)
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "first", cwd=work)
    git("clone", "--quiet", "--bare", str(work), str(bare), cwd=folder)
    return work


def config_of(folder: Path) -> Config:
    """Two components in one kustomization of each customer."""
    components = ("backend", "frontend")
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": str(folder / "app" / "bare.git")},
            "components": {
                c: {"path": c, "image": f"registry.example.no/shop/{c}", "run": {"port": 80}} for c in components
            },
            "gitops": {
                "repository": str(folder / "gitops" / "bare.git"),
                "targets": {
                    c: [{"file": "customers/{customer}/kustomization.yaml", "image": f"shop/{c}"}] for c in components
                },
            },
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"url": "https://{customer}.example.no", "versions": {"backend": "/version"}},
        }
    )


def release_of(commit: str, number: int) -> Release:
    """A release of both components."""
    images = tuple(
        Image(
            component=c,
            repository=f"registry.example.no/shop/{c}",
            digest=f"sha256:{number:064x}",
            revision=commit,
            tree=commit,
            built=True,
            seconds=0,
        )
        for c in ("backend", "frontend")
    )
    return Release(commit=commit, subject="bench", images=images, head=None)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, what it returned)."""
    start = time.monotonic()
    value = work()
    return time.monotonic() - start, value


def write(config: Config, release: Release, tip: str, names: list[str]) -> Any:
    """Edit, commit and push, as the release flow does for a ring."""
    edits: Edits = edit_customers(config, tip, release, names)
    ring = RingPlan(name="all", approve=False, soak_seconds=0, promotions=edits.promotions)
    return commit_ring(config, ReleaseRequest(commit=release.commit), release, ring, edits, {"Slipway-Run": "bench"})


def raw(folder: Path, names: list[str]) -> None:
    """One commit of the same files by the git program: edit, add, commit, push."""
    work = folder / "gitops" / "work"
    for name in names:
        path = work / "customers" / name / "kustomization.yaml"
        path.write_text(path.read_text().replace(f"{1:064x}", f"{2:064x}"))
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "raw", cwd=work)
    git("push", "--quiet", str(folder / "gitops" / "bare.git"), "HEAD:main", cwd=work)


def measure(size: int) -> None:
    """Prints the figures of one size."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as text:
        folder = Path(text)
        os.environ["SLIPWAY_HOME"] = str(folder / "home")
        names = [f"c{n:05d}" for n in range(size)]
        app = repository(folder / "app", {"backend/a": "1", "frontend/a": "1"})
        files = {f"customers/{n}/kustomization.yaml": FILE.format(name=n, digest="0" * 64) for n in names}
        work, config = repository(folder / "gitops", files), config_of(folder)
        commit = git("rev-parse", "HEAD", cwd=app)
        Mirror.open(config.app.repository).fetch("main")
        fleet = read_fleet(config)
        written, done = timed(lambda: write(config, release_of(commit, 1), fleet.tip, names))
        assert done.created  # noqa: S101 - a figure of nothing would be a lie
        nothing, again = timed(lambda: write(config, release_of(commit, 1), read_fleet(config).tip, names))
        assert not again.created  # noqa: S101
        path = folder / "release.yaml"
        path.write_text(config.model_dump_json(exclude_defaults=True))
        status = [str(Path(sys.executable).parent / "slipway"), "status"]
        environment = {**os.environ, "SLIPWAY_CONFIG": str(path)}
        shown, _ = timed(lambda: subprocess.run(status, check=True, capture_output=True, env=environment))
        git("pull", "--quiet", str(folder / "gitops" / "bare.git"), "main", cwd=work)
        limit, _ = timed(lambda: raw(folder, names))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{size:>6} customers: edit, commit, push {written:6.2f} s ({written / limit:4.1f} x git alone, {limit:5.2f} s)"
            f"   nothing to do {nothing:5.2f} s   slipway status {shown:5.2f} s   {memory:4.0f} MB",
            flush=True,
        )


def main() -> None:
    """Each size in a process of its own, two rounds: the first warms the disk."""
    for size in SIZES:
        for _ in range(2):
            subprocess.run([sys.executable, "-m", "tests.bench_gitops", str(size)], check=True)


if __name__ == "__main__":
    measure(int(sys.argv[1])) if len(sys.argv) > 1 else main()
