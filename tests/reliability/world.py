"""The situation of every proof here: an app with many commits, a GitOps repository with many customers, releases of them.

The dates of the app's commits run backwards, so that whoever orders by time orders wrongly.
"""

import io
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.config.model import Config
from tasks.gitops.commit import commit_ring
from tasks.gitops.edit import edit_customers
from tasks.gitops.tip import Tip
from tasks.models import Edits, Image, Override, Release, ReleaseRequest, RingCommit, RingPlan

COMPONENTS = ("backend", "frontend")
NONE = "sha256:" + "0" * 64
FIRST_DATE = 1_800_000_000
KUSTOMIZATION = """\
# {name}: bigger database   (do not remove)
resources: [../../base]
images:
  - name: shop/backend      # the API
    newName: registry.example.no/shop/backend
    digest: "{backend}"   # set by releases
  - {{name: shop/frontend, newName: registry.example.no/shop/frontend, digest: {frontend}}}
replicas: 2
"""


def digest(number: int, component: str = "backend") -> str:
    """The digest of a component in the release with this number."""
    return f"sha256:{COMPONENTS.index(component) + 1}{number:063x}"


def files_of(name: str, number: int | None = None) -> str:
    """The file of a customer that runs the release with this number, or none yet."""
    digests = {c: NONE if number is None else digest(number, c) for c in COMPONENTS}
    return KUSTOMIZATION.format(name=name, **digests)


def path_of(name: str) -> str:
    return f"customers/{name}/kustomization.yaml"


def state_path(name: str) -> str:
    return f".slipway/customers/{name}.yaml"


@dataclass(frozen=True)
class World:
    """Both repositories; can be sent to other processes."""

    config: Config
    app: str
    gitops: str
    commits: tuple[str, ...]
    customers: tuple[str, ...]

    def over(self, url: str) -> "World":
        """The same world, its GitOps repository reached at another address."""
        gitops = self.config.gitops.model_copy(update={"repository": url})
        return self.with_config(self.config.model_copy(update={"gitops": gitops}))

    def with_config(self, config: Config) -> "World":
        """The same repositories, released by another release.yaml."""
        return replace(self, config=config)

    def hook(self, name: str, script: str) -> None:
        """Puts a hook into the server's GitOps repository."""
        path = Path(self.gitops, "hooks", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def git(self, *arguments: str, repository: str = "", stdin: bytes | None = None) -> str:
        """Runs git in the GitOps repository of the server, or in another one."""
        return git(repository or self.gitops, *arguments, stdin=stdin).decode().removesuffix("\n")

    @property
    def tip(self) -> str:
        return self.git("rev-parse", "refs/heads/main")

    def content(self, path: str, at: str = "refs/heads/main") -> bytes | None:
        """A file as the server has it."""
        done = subprocess.run(["git", "-C", self.gitops, "show", f"{at}:{path}"], capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def files(self, at: str = "refs/heads/main") -> dict[str, bytes]:
        """Every plain file of a commit."""
        packed = subprocess.run(["git", "-C", self.gitops, "archive", at], check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]

    def since(self, commit: str) -> list[str]:
        """The commits on the server's branch after one of them, oldest first."""
        return self.git("rev-list", "--reverse", "--first-parent", f"{commit}..refs/heads/main").split()

    def release(self, number: int, **more: object) -> Release:
        """The release of the app's commit with this number."""
        commit = self.commits[number]
        images = tuple(
            Image(
                component=c,
                repository=f"registry.example.no/shop/{c}",
                digest=digest(number, c),
                revision=commit,
                tree=commit,
                built=True,
                seconds=1,
            )
            for c in COMPONENTS
        )
        return Release(commit=commit, subject=f"change {number}", images=images, head="0001").model_copy(update=more)

    def edits(self, number: int, *names: str) -> Edits:
        """The edits of some customers at where the branch is now."""
        return edit_customers(self.config, Tip.read(self.config).commit, self.release(number), names)

    def write(
        self,
        number: int,
        edits: Edits,
        run: str = "run",
        approve: bool = False,
        overrides: tuple[Override, ...] = (),
        **more: object,
    ) -> RingCommit:
        """One commit for these edits, as the release flow writes it."""
        release = self.release(number, **more)
        ring = RingPlan(name="all", approve=approve, soak_seconds=0, promotions=edits.promotions)
        request = ReleaseRequest(commit=release.commit, overrides=overrides)
        return commit_ring(self.config, request, release, ring, edits, {"Slipway-Run": run})

    def promote(self, number: int, *names: str, run: str = "run", **more: object) -> RingCommit:
        """Plans and writes a release of some customers."""
        return self.write(number, self.edits(number, *names), run, **more)

    def person(self, changes: dict[str, str | bytes | None], at: str | None = None, onto: str = "main") -> str:
        """A person's commit, straight into the server's branch: path -> content, None removes a file or a folder."""
        parent = at or self.tip
        lines = [b"commit refs/heads/person\ncommitter Kari <kari@example.no> 1700000000 +0000\ndata 4\nedit\n"]
        lines += [f"from {parent}\n".encode()]
        lines += [_changed(path, content) for path, content in changes.items()]
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(lines))
        commit = self.git("rev-parse", "refs/heads/person")
        self.git("update-ref", "-d", "refs/heads/person")
        self.git("update-ref", f"refs/heads/{onto}", commit)
        return commit


def _changed(path: str, content: str | bytes | None) -> bytes:
    name = f'"{path}"'.encode()
    if content is None:
        return b"D " + name + b"\n"
    data = content.encode() if isinstance(content, str) else content
    return b"M 100644 inline %s\ndata %d\n%s\n" % (name, len(data), data)


def git(repository: str, *arguments: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run(["git", "-C", repository, *arguments], input=stdin, check=True, stdout=subprocess.PIPE).stdout


def make_world(folder: Path, customers: int = 3, commits: int = 3) -> World:
    """Makes both repositories; customers are called c000, c001 and so on."""
    app, gitops = str(folder / "app.git"), str(folder / "gitops.git")
    for repository in (app, gitops):
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", repository], check=True)
    names = tuple(f"c{n:03}" for n in range(customers))
    made = _app_commits(app, commits)
    world = World(config_for(app, gitops), app, gitops, made, names)
    git(gitops, "fast-import", "--quiet", stdin=_first_commit(names))
    return world


def _app_commits(app: str, count: int) -> tuple[str, ...]:
    stream = "".join(
        f"commit refs/heads/main\ncommitter Ola <ola@example.no> {FIRST_DATE - 1000 * n} +0000\n"
        f"data <<.\nchange {n}\n.\nM 100644 inline backend/a\ndata <<.\n{n}\n.\n"
        "M 100644 inline frontend/a\ndata <<.\n1\n.\n"
        for n in range(count)
    )
    git(app, "fast-import", "--quiet", stdin=stream.encode())
    return tuple(git(app, "rev-list", "--reverse", "main").decode().split())


def _first_commit(names: tuple[str, ...]) -> bytes:
    head = b"commit refs/heads/main\ncommitter Kari <kari@example.no> 1700000000 +0000\ndata 9\ncustomers\n"
    files = {path_of(n): files_of(n) for n in names} | {"README.md": "hands off\n"}
    return head + b"".join(_changed(path, content) for path, content in files.items())


def config_for(app: str, gitops: str) -> Config:
    run = {"run": {"port": 80}}
    components = {c: {"path": c, "image": f"registry.example.no/shop/{c}", **run} for c in COMPONENTS}
    targets = {c: [{"file": path_of("{customer}"), "image": f"shop/{c}"}] for c in COMPONENTS}
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": app},
            "components": components,
            "gitops": {"repository": gitops, "targets": targets},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"url": "https://{customer}.example.no", "versions": {"backend": "/api/version"}},
        }
    )
