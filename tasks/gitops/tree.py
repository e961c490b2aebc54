"""The files of the GitOps repository at one commit, read from git objects: no work tree, so no link is ever followed."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from tasks.git import Mirror
from tasks.gitops.document import MAX_BYTES, CannotEdit

KINDS = {"120000": "a symbolic link", "160000": "a submodule"}


@dataclass(frozen=True)
class Entry:
    """One line of `git ls-tree`; `size` in bytes, 0 for a submodule."""

    mode: str
    blob: str
    size: int


class Tree:
    """All files at one commit; contents come in batches and stay, for a commit never changes."""

    def __init__(self, mirror: Mirror, commit: str) -> None:
        self.mirror, self.commit = mirror, commit
        self.entries = dict(_entry(line) for line in _lines(mirror, commit))
        self._contents: dict[str, bytes] = {}

    def __contains__(self, path: str) -> bool:
        """Whether a file is there, or something that stands in its way."""
        return path in self.entries or self._in_the_way(path) is not None

    def load(self, paths: list[str]) -> None:
        """Reads many files with one git process; those too large or not there are left out."""
        entries = [self.entries[p] for p in paths if p in self.entries]
        blobs = {e.blob for e in entries if e.size <= MAX_BYTES and e.mode not in KINDS} - self._contents.keys()
        if not blobs:
            return
        told = self.mirror.run_bytes("cat-file", "--batch", stdin="".join(f"{b}\n" for b in blobs).encode())
        position = 0
        while position < len(told):
            end = told.index(b"\n", position)
            blob, _, size = told[position:end].decode().split()
            self._contents[blob] = told[end + 1 : end + 1 + int(size)]
            position = end + 1 + int(size) + 1

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises `CannotEdit` for links, submodules and what is too large."""
        if blocked := self._in_the_way(path):
            raise CannotEdit.because(
                f"{KINDS.get(self.entries[blocked].mode, 'a file')} stands in the way", blocked, "put a plain file there"
            )
        entry = self.entries[path]
        if entry.size > MAX_BYTES:
            raise CannotEdit.because(f"larger than {MAX_BYTES} bytes", "", "split the file")
        self.load([path])
        return self._contents[entry.blob]

    def _in_the_way(self, path: str) -> str | None:
        if path in self.entries and self.entries[path].mode in KINDS:
            return path
        return next((str(p) for p in PurePosixPath(path).parents if str(p) in self.entries), None)


def open_tree(mirror: Mirror, commit: str, branch: str) -> Tree:
    """The tree of a commit, fetched first when this machine has not seen it."""
    tree = _remembered(str(mirror.directory), mirror.url, commit, branch)
    tree.mirror = mirror
    return tree


@lru_cache(maxsize=4)
def _remembered(directory: str, url: str, commit: str, branch: str) -> Tree:
    mirror = Mirror.open(url)
    if not mirror.has_commit(commit):
        mirror.fetch(branch)
    return Tree(mirror, commit)


def _lines(mirror: Mirror, commit: str) -> list[bytes]:
    told = mirror.run_bytes("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    return told.split(b"\0")[:-1]


def _entry(line: bytes) -> tuple[str, Entry]:
    described, path = line.split(b"\t", 1)
    mode, _, blob, size = described.decode().split()
    return path.decode("utf-8", "surrogateescape"), Entry(mode, blob, 0 if size == "-" else int(size))
