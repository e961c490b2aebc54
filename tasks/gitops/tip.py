"""One commit of the GitOps repository, read from git objects: no work tree, so links, filters and hooks do nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.config import Config
from tasks.git import Mirror

REGULAR = ("100644", "100755")


@dataclass(frozen=True)
class Entry:
    """One file of a commit: git mode (`100644`) and blob id."""

    mode: str
    blob: str


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
        listing = mirror.run_bytes("--literal-pathspecs", "ls-tree", "-r", "-z", commit, "--", *(paths or []))
        return cls(mirror, commit, dict(_entries(listing)))

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Path -> bytes of regular files that are there, by one git process."""
        wanted = [p for p in paths if p in self.entries and self.entries[p].mode in REGULAR]
        if not wanted:
            return {}
        request = "".join(f"{self.entries[p].blob}\n" for p in wanted).encode()
        answer = self.mirror.run_bytes("cat-file", "--batch", stdin=request)
        return dict(zip(wanted, _blobs(answer), strict=True))


def _entries(listing: bytes) -> Iterable[tuple[str, Entry]]:
    for line in listing.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, _, blob = meta.decode().split()
            yield path.decode("utf-8", "surrogateescape"), Entry(mode, blob)


def _blobs(answer: bytes) -> Iterable[bytes]:
    """`ID blob SIZE\\n CONTENT \\n`, again and again (git cat-file manual, BATCH OUTPUT)."""
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        size = int(answer[position:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        position = end + size + 2
