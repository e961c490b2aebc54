"""Both repositories as `slipway init` sees them together: which component has which image, and who is a customer."""

import re
import subprocess
from pathlib import Path

from pydantic import Field

from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.git import ENVIRONMENT, GitFailed, Mirror
from tasks.gitops.recognised import FoundImage, RecognisedGitOps
from tasks.models import Value
from tasks.source.recognised import FoundComponent, RecognisedApp

FIRST = ("canary", "staging", "test", "demo")
REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|[A-Za-z0-9][\w.-]+:(?!\\)")
PASSWORD = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@]*:[^/@]*@|^(https?://)[^/@]+@")
BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")


class Place(Value):
    """A repository as the user named it; `doubt` says what a worker elsewhere would stumble over."""

    url: str
    branch: str
    origin: str = Field(default="", description="of a local repository: the URL that it came from")

    @property
    def doubt(self) -> str:
        """What is wrong with a path on this machine; empty for a URL."""
        if REMOTE.match(self.url):
            return ""
        told = "a path on this machine; a worker elsewhere needs a URL"
        return f"{told}, such as its origin {self.origin}" if self.origin else told


class Found(Value):
    """Everything that the file and the table are written from."""

    app_place: Place
    gitops_place: Place
    app: RecognisedApp
    gitops: RecognisedGitOps
    name: str
    name_is_sure: bool
    strangers: dict[str, str] = Field(default={}, description="names that match as customers do, and why they are none")
    problems: tuple[str, ...] = ()

    def image(self, component: str) -> FoundImage | None:
        """Where a component's image stands."""
        return next((i for i in self.gitops.images if i.component == component), None)

    @property
    def components(self) -> tuple[FoundComponent, ...]:
        """The components that a release can move."""
        return tuple(c for c in self.app.components if self.image(c.name))

    @property
    def unplaced(self) -> tuple[FoundComponent, ...]:
        """The components whose image stands nowhere."""
        return tuple(c for c in self.app.components if not self.image(c.name))

    @property
    def canary(self) -> str:
        """The customer that goes first."""
        return min(self.gitops.customers, key=_rank)

    @property
    def canary_why(self) -> str:
        """Why that one goes first."""
        called = _rank(self.canary)[0] < len(FIRST)
        return (
            "its name says that it is for trying out" if called else "the first by name; take one that can bear a fault"
        )

    @property
    def others(self) -> tuple[str, ...]:
        """Everyone else."""
        return tuple(c for c in self.gitops.customers if c != self.canary)


def place(named: str, branch: str, option: str) -> Place:
    """The repository of an option: a URL, or the whole path of a local one. Raises `ConfigInvalid` for what is neither."""
    if named.startswith("-") or not named.isprintable() or not named:
        raise ConfigInvalid.because(f"{named!r} is no repository", option, "give a git URL or a path")
    if not BRANCH.fullmatch(branch):
        raise ConfigInvalid.because(f"{branch!r} is no branch's name", f"{option}-branch", "give a name such as main")
    if PASSWORD.match(named):
        raise ConfigInvalid.because(
            "the URL carries a user name or password, which release.yaml must not",
            option,
            "give the URL without it, and let git find it (ssh key, credential helper, netrc)",
        )
    if REMOTE.match(named) and not Path(named).exists():
        return Place(url=named, branch=branch)
    folder = _folder(named, option)
    return Place(url=str(folder), branch=branch, origin=_origin(folder))


def _folder(named: str, option: str) -> Path:
    folder = Path(named).expanduser().resolve()
    if not ((folder / ".git").exists() or (folder / "HEAD").is_file()):
        raise ConfigInvalid.because(
            f"there is no git repository at {folder}",
            option,
            "give its top folder, or a URL such as https://host/app.git",
        )
    return folder


def _origin(folder: Path) -> str:
    command = ["git", "-C", str(folder), "config", "--get", "remote.origin.url"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    origin = done.stdout.strip()
    return origin if origin.isprintable() and REMOTE.match(origin) and not PASSWORD.match(origin) else ""


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, **ENVIRONMENT}


def branches(where: Place) -> ReleaseRefused:
    """What to say when the branch is not there: which ones are."""
    try:
        listed = Mirror.open(where.url).run("ls-remote", "--heads", where.url)
    except GitFailed:
        listed = ""
    names = [line.partition("refs/heads/")[2] for line in listed.splitlines()][:10]
    names = [n for n in names if n.isprintable()]
    next_step = f"name one of its branches: {', '.join(names)}" if names else "it has no commit yet; push one first"
    return ReleaseRefused.because(f"there is no branch {where.branch}", where.url, next_step)


def app_name(app: RecognisedApp, gitops: RecognisedGitOps) -> tuple[str, bool]:
    """The app's name and whether it is sure: the repository's, or the folder of its images where that says nothing."""
    if app.name_is_sure:
        return app.name, True
    folders = {i.repository.split("/")[-2] for i in gitops.images if i.repository.count("/") > 1}
    names = {re.sub(r"[^a-z0-9]+", "-", f.lower()).strip("-")[:63].strip("-") for f in folders} - {""}
    return (min(names), False) if len(names) == 1 else (app.name, False)


def _rank(name: str) -> tuple[int, str]:
    exact = FIRST.index(name) if name in FIRST else None
    inside = next((n for n, word in enumerate(FIRST) if word in name.split("-")), len(FIRST))
    return (exact if exact is not None else inside, name)
