"""The git program, the one way to it: argument lists, a clean environment, bare mirrors without a work tree."""

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import git

from tasks.errors import ConfigInvalid, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.failpoints import reach
from tasks.home import home, is_alive, own_name, scratch, sweep
from tasks.models import Reason

TIMEOUT_SECONDS = 120
STALE_SECONDS = 3600
CHUNK_BYTES = 1 << 20
PACKS = 50
# No system or user configuration, no prompts, no hooks; a repository's own content must not decide what runs here.
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "LC_ALL": "C",
}
OPTIONS = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    # A fetch comes as one pack or not at all: unpacked, one that was killed may leave a commit without its trees.
    "-c",
    "fetch.unpackLimit=1",
    "-c",
    "transfer.credentialsInUrl=die",
    "-c",
    "safe.directory=*",
]


FETCHING = "refs/slipway/fetching"


class GitFailed(SlipwayError):
    """git ended with an error; `code` and `output` say how. Callers turn it into refused or unavailable."""

    def __init__(self, what: str, code: int = 1, output: str = "") -> None:
        super().__init__(what)
        self.code, self.output = code, output


class Mirror:
    """A bare copy of one repository, kept between runs; every fetch brings one branch to `refs/slipway/BRANCH`."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory, self.url = directory, url
        self._git = git.Git(str(directory))

    @classmethod
    def open(cls, url: str) -> "Mirror":
        """Opens the mirror of `url` under the Slipway home, making it when it is not there."""
        bare = re.sub(
            r"//[^/]*@", "//", url
        )  # a folder's name stands in process lists and errors: no password belongs there
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", bare).strip("-")[-80:]
        directory = home() / "mirrors" / f"{readable}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        if not (directory / "HEAD").exists():
            cls._make(directory, url)
        return cls(directory, url)

    @classmethod
    def holding(cls, url: str, branch: str, thing: str) -> "Mirror":
        """The mirror with this commit or tree, fetched when it is not here: a retried run may go on at another machine."""
        mirror = cls.open(url)
        if not mirror.has(thing):
            mirror.fetch(branch)
        return mirror

    @classmethod
    def _make(cls, directory: Path, url: str) -> None:
        """Made aside and moved into place whole: a mirror that a killed process left half made would never work."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        with scratch("mirror") as folder:
            try:
                cls(folder, url).run("init", "--quiet", "--bare", "new")
            except GitFailed as error:
                raise ConfigInvalid.because(
                    f"a mirror cannot be made: {error.output}", str(folder), "see to the Slipway home's room and rights"
                ) from error
            reach("mirror:begun")
            with contextlib.suppress(OSError):  # another process was quicker
                (folder / "new").rename(directory)
        reach("mirror:made")

    def run(self, *arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> str:
        """Runs git with these arguments and returns what it printed, as text without the last newline."""
        return self.run_bytes(*arguments, stdin=stdin, env=env).decode("utf-8", "replace").removesuffix("\n")

    def run_bytes(self, *arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> bytes:
        """As `run`, but bytes as they are. Raises `GitFailed`."""
        import subprocess
        import tempfile

        with tempfile.TemporaryFile() as source:
            if stdin is not None:
                source.write(stdin)
                source.seek(0)
            try:
                code, out, err = self._git.execute(
                    ["git", *OPTIONS, *arguments],
                    istream=source if stdin is not None else subprocess.DEVNULL,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    kill_after_timeout=TIMEOUT_SECONDS,
                    env={**ENVIRONMENT, **(env or {})},
                )
            except git.GitCommandNotFound as error:
                raise ConfigInvalid.because("there is no git", "PATH", "install git") from error
            except (KeyboardInterrupt, SystemExit):
                _cancel_timers()
                raise
        if code:
            message = err.strip() if isinstance(err, str) else err.decode("utf-8", "replace").strip()
            raise GitFailed(f"git {arguments[0]}: {message or f'exit code {code}'}", code, message)
        return out

    def contents(self, blobs: Iterable[str]) -> Iterator[bytes]:
        """The bytes of these blobs, in this order, by one git process (`ID blob SIZE\\n CONTENT \\n`: git cat-file, BATCH OUTPUT)."""
        answer = self.run_bytes("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
        position = 0
        while position < len(answer):
            end = answer.index(b"\n", position)
            size = int(answer[position:end].split()[2])
            yield answer[end + 1 : end + 1 + size]
            position = end + size + 2

    def stream(self, *arguments: str) -> Iterator[bytes]:
        """What git prints, piece by piece; git ends when nobody reads on. Raises `GitFailed`."""
        import subprocess

        process = self._git.execute(
            ["git", *OPTIONS, *arguments], as_process=True, istream=subprocess.DEVNULL, env=ENVIRONMENT
        )
        try:
            while chunk := process.stdout.read(CHUNK_BYTES):
                yield chunk
            process.wait()
        except git.GitCommandError as error:
            raise GitFailed(f"git {arguments[0]}: {error.stderr.strip()}", int(error.status or 1)) from error
        finally:
            process.terminate()

    def fetch(self, branch: str) -> str:
        """Brings the branch here and returns its tip. Raises `ServiceUnavailable` when the remote does not answer.

        Several releases may fetch into one mirror at once: each by a ref of its own, and the last one to come moves the
        common ref, which only tells the next fetch what is here already.
        """
        ref = f"{FETCHING}/{own_name()}"
        try:
            self.run(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--force",
                self.url,
                f"+refs/heads/{branch}:{ref}",
            )
        except GitFailed as error:
            if "couldn't find remote ref" in error.output:
                raise ReleaseRefused.because(
                    f"there is no branch {branch}", self.url, "push the branch, or correct it in release.yaml"
                ) from error
            raise _no_answer(self.url, error) from error
        reach("fetch:taken")
        tip = self.run("rev-parse", "--verify", f"{ref}^{{commit}}")
        common = f"update refs/slipway/{branch} {tip}\n"
        try:
            self.run("update-ref", "--stdin", stdin=f"{common}delete {ref}\n".encode())
        except GitFailed:  # another fetch is moving the common one, or a git that was killed has left a lock
            with contextlib.suppress(GitFailed):
                self.run("update-ref", "-d", ref)
        return tip

    def remote_head(self, branch: str) -> str | None:
        """Where a branch is at the remote; None when it is not there. Raises `ServiceUnavailable`."""
        try:
            lines = self.run("ls-remote", self.url, f"refs/heads/{branch}").splitlines()
        except GitFailed as error:
            raise _no_answer(self.url, error) from error
        # It lists refs that end so, too: somebody may call a branch x/refs/heads/main.
        heads = {name: commit for commit, _, name in (line.partition("	") for line in lines)}
        return heads.get(f"refs/heads/{branch}")

    def tip(self, branch: str) -> str:
        """As `fetch`, but only asks where the branch is when that commit is here already, which is several times as quick."""
        head = self.remote_head(branch)
        return head if head and self.has_commit(head) else self.fetch(branch)

    def tidy(self) -> None:
        """Removes what killed processes left: locks and unfinished objects an hour old, refs of fetches that no longer run.

        Every git of ours ends within two minutes, and until then a lock is in nobody's way: see `fetch`.
        """
        if len(list((self.directory / "objects/pack").glob("*.pack"))) > PACKS:
            # Rolls small packs up and keeps every object, also what no ref names: blobs of edits that wait for an approval.
            with contextlib.suppress(GitFailed):  # another process does it
                self.run("repack", "--quiet", "--geometric=2", "-d")
        for left in (*self.directory.rglob("*.lock"), *(self.directory / "objects").rglob("tmp_*")):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    left.unlink()
        for ref in self.run("for-each-ref", "--format=%(refname)", FETCHING).split():
            if not is_alive(ref.rpartition("/")[2]):
                with contextlib.suppress(GitFailed):
                    self.run("update-ref", "-d", ref)

    def has_commit(self, commit: str) -> bool:
        """Whether the commit is among the objects here."""
        return self.has(f"{commit}^{{commit}}")

    def has(self, thing: str) -> bool:
        """Whether a commit, tree or blob is among the objects here."""
        try:
            return _has(self.directory, self._made(), thing)
        except GitFailed:
            return False

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or an ancestor of it."""
        return older == newer or _is_ancestor(self.directory, self._made(), older, newer)

    def _made(self) -> int:
        """Tells this mirror from one that was at the same place before."""
        return (self.directory / "HEAD").stat().st_ctime_ns

    def tree(self, commit: str, path: str) -> str | None:
        """Id of the tree (or blob) at a path of a commit, `.` for all of it; None when nothing is there."""
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"{commit}:{path if path != '.' else ''}")
        except GitFailed:
            return None

    def tree_of(self, commit: str, paths: Sequence[str]) -> str:
        """Id of a tree with exactly these paths of a commit, at their places; of a single folder it is the folder itself.

        It is written into this mirror. Nothing that stands beside these paths, such as a .gitattributes above them, is in it.
        """
        if len(paths) == 1:
            return self.tree(commit, paths[0]) or ""
        with scratch("index") as folder:
            index = {"GIT_INDEX_FILE": str(folder / "index")}
            listed = self.run_bytes("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
            self.run("update-index", "-z", "--index-info", stdin=listed, env=index)
            return self.run("write-tree", env=index)


def _no_answer(url: str, error: GitFailed) -> ServiceUnavailable:
    what = f"the git remote did not answer: {error.output}"
    return ServiceUnavailable(
        Reason(what=what, where=url, next_step="check the address, the network and the credentials")
    )


# Both answers stay true for ever: nothing is removed from a mirror, and a commit never gets other ancestors. An error is
# not kept.
@lru_cache(maxsize=10_000)
def _has(directory: Path, _made: int, thing: str) -> bool:
    Mirror(directory, "").run("cat-file", "-e", thing)
    return True


@lru_cache(maxsize=10_000)
def _is_ancestor(directory: Path, _made: int, older: str, newer: str) -> bool:
    try:
        Mirror(directory, "").run("merge-base", "--is-ancestor", older, newer)
    except GitFailed as error:
        if error.code == 1:
            return False
        raise
    return True


def tidy() -> None:
    """Removes what killed processes left in the Slipway home: scratch folders, refs of fetches, locks."""
    sweep()
    for directory in (home() / "mirrors").glob("*"):
        Mirror(directory, "").tidy()


def _cancel_timers() -> None:
    """GitPython leaves the timer of an interrupted command behind, and the program would not end before it has run out."""
    import threading

    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and getattr(thread.function, "__module__", "") == git.cmd.__name__:
            thread.cancel()
