"""One commit of the GitOps repository, read from git objects: no work tree, so links, filters and hooks do nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.config import Config
from tasks.git import Mirror
from tasks.gitops.yaml_bytes import MAX_BYTES

REGULAR = ("100644", "100755")


@dataclass(frozen=True)
class Entry:
    """One file of a commit: git mode (`100644`), blob id, size in bytes (0 for a submodule)."""

    mode: str
    blob: str
    size: int = 0


@dataclass(frozen=True)
class Tip:
    """The files of one commit, all of them or those asked for."""

    mirror: Mirror
    commit: str
    entries: dict[str, Entry]

    @classmethod
    def read(cls, config: Config, commit: str | None = None, paths: Sequence[str] | None = None) -> "Tip":
        """The branch as it is now, or one commit of it; with `paths` only these are listed."""
        mirror = Mirror.open(config.gitops.repository)
        if commit is None or not mirror.has_commit(commit):
            fetched = mirror.fetch(config.gitops.branch)
            commit = commit or fetched
        # Literal: a customer's file name is a name, never a pattern.
        deep = [] if paths else ["-r"]
        listing = mirror.run_bytes("--literal-pathspecs", "ls-tree", *deep, "-l", "-z", commit, "--", *(paths or []))
        return cls(mirror, commit, dict(_entries(listing)))

    def obstacle(self, path: str) -> str | None:
        """Why a file that seems to be there is not read: a link or submodule on the way to it, or its size."""
        for step in (path, *map(str, PurePosixPath(path).parents)):
            if step in self.entries and self.entries[step].mode not in REGULAR:
                return f"{step} is a link or a submodule"
        if path in self.entries and self.entries[path].size > MAX_BYTES:
            return f"{path} is larger than {MAX_BYTES} bytes"
        return None

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Path -> bytes of the files that are there with nothing in the way, by one git process."""
        wanted = [p for p in paths if p in self.entries and not self.obstacle(p)]
        if not wanted:
            return {}
        request = "".join(f"{self.entries[p].blob}\n" for p in wanted).encode()
        answer = self.mirror.run_bytes("cat-file", "--batch", stdin=request)
        return dict(zip(wanted, _blobs(answer), strict=True))


def _entries(listing: bytes) -> Iterable[tuple[str, Entry]]:
    for line in listing.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, kind, blob, size = meta.decode().split()
            if kind != "tree":
                name = path.decode("utf-8", "surrogateescape")
                yield name, Entry(mode, blob, int(size) if kind == "blob" else 0)


def _blobs(answer: bytes) -> Iterable[bytes]:
    """`ID blob SIZE\\n CONTENT \\n`, again and again (git cat-file manual, BATCH OUTPUT)."""
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        size = int(answer[position:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        position = end + size + 2
