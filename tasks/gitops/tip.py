"""One commit of the GitOps repository, read from git objects: no work tree, so links, filters and hooks do nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tasks.config.model import Config
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.gitops.yaml_bytes import MAX_BYTES, CannotEdit, Document

REGULAR = ("100644", "100755")
DOCUMENTS = 64


@dataclass(frozen=True)
class Entry:
    """One file of a commit: git mode (`100644`), blob id, size in bytes (0 for a submodule)."""

    mode: str
    blob: str
    size: int = 0


@dataclass(frozen=True)
class Tip:
    """The files of one commit; what was loaded of them stays in memory, what was parsed last too."""

    mirror: Mirror
    commit: str
    entries: Mapping[str, Entry]
    _contents: dict[str, bytes] = field(default_factory=dict)
    _documents: dict[str, Document] = field(default_factory=dict)

    @classmethod
    def read(cls, config: Config, commit: str | None = None) -> "Tip":
        """The branch as it is now, or one commit of it."""
        mirror = Mirror.open(config.gitops.repository)
        if commit is None or not mirror.has_commit(commit):
            fetched = mirror.fetch(config.gitops.branch)
            reach("gitops:fetched")
            commit = commit or fetched
        return cls(mirror, commit, _listing(mirror.directory, commit))

    @classmethod
    def fetched(cls, repository: str, branch: str) -> "Tip":
        """The branch as it is now, where there is no configuration yet."""
        mirror = Mirror.open(repository)
        commit = mirror.fetch(branch)
        return cls(mirror, commit, _listing(mirror.directory, commit))

    def obstacle(self, path: str) -> str | None:
        """Why a file that seems to be there is not read: a link or submodule on the way to it, or its size."""
        for step in (path, *map(str, PurePosixPath(path).parents)):
            if step in self.entries and self.entries[step].mode not in REGULAR:
                return f"{step} is a link or a submodule"
        if path in self.entries and self.entries[path].size > MAX_BYTES:
            return f"{path} is larger than {MAX_BYTES} bytes"
        return None

    def load(self, paths: Iterable[str]) -> None:
        """Brings the files that are there, with nothing in the way, into memory by one git process."""
        wanted = [p for p in dict.fromkeys(paths) if self._is_new(p)]
        if wanted:
            contents = self.mirror.contents(self.entries[p].blob for p in wanted)
            self._contents.update(zip(wanted, contents, strict=True))

    def content(self, path: str) -> bytes | None:
        """The bytes of a file; None when it is not there, or something is in the way."""
        self.load([path])
        return self._contents.get(path)

    def document(self, path: str) -> Document:
        """A file, parsed once however many customers stand in it. Raises `CannotEdit`."""
        if (document := self._documents.get(path)) is None:
            if (content := self.content(path)) is None:
                raise CannotEdit(self.obstacle(path) or f"there is no {path}", "put a plain file of usual size there")
            document = Document(content)
            # Many threads ask for the files of one commit: what one of them has found another may have dropped.
            for old in list(self._documents)[: -DOCUMENTS + 1]:
                self._documents.pop(old, None)
            self._documents[path] = document
        return document

    def _is_new(self, path: str) -> bool:
        return path in self.entries and path not in self._contents and not self.obstacle(path)


@lru_cache(maxsize=4)
def _listing(directory: Path, commit: str) -> Mapping[str, Entry]:
    """Every file of a commit, which never changes."""
    mirror = Mirror(directory, "")
    return dict(_entries(mirror.run_bytes("ls-tree", "-r", "-l", "-z", commit)))


def _entries(listing: bytes) -> Iterable[tuple[str, Entry]]:
    for line in listing.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, kind, blob, size = meta.decode().split()
            name = path.decode("utf-8", "surrogateescape")
            yield name, Entry(mode, blob, int(size) if kind == "blob" else 0)
