"""One commit of an app's repository as text files, read from git objects within bounds: nothing of it ever runs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tasks.errors import ReleaseRefused
from tasks.git import Mirror

MAX_FILES = 500_000
MAX_READ = 2_000
MAX_BYTES = 256_000
MAX_ALL_BYTES = 16_000_000


@dataclass
class Snapshot:
    """The regular files of a commit (path -> blob id, size); links and submodules are not among them."""

    mirror: Mirror
    commit: str
    files: Mapping[str, tuple[str, int]]
    _texts: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0

    @classmethod
    def of(cls, mirror: Mirror, commit: str) -> "Snapshot":
        """Lists the commit. Raises `ReleaseRefused` for one with more files than a person could mean."""
        files = dict(_regular(mirror.run_bytes("ls-tree", "-r", "-l", "-z", commit)))
        if len(files) > MAX_FILES:
            raise ReleaseRefused.because(
                f"the repository has more than {MAX_FILES:,} files",
                f"{mirror.url} at {commit[:7]}",
                "write release.yaml by hand; `slipway config schema` says what stands in it",
            )
        return cls(mirror, commit, files)

    def load(self, paths: Iterable[str]) -> None:
        """Brings files into memory by one git process, as far as the bounds allow."""
        wanted = [p for p in dict.fromkeys(paths) if p in self.files and p not in self._texts and self._takes(p)]
        if not wanted:
            return
        contents = self.mirror.contents(self.files[p][0] for p in wanted)
        for path, content in zip(wanted, contents, strict=True):
            self._texts[path] = content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")

    def text(self, path: str) -> str:
        """A file's text; empty when it is not there or beyond the bounds."""
        self.load([path])
        return self._texts.get(path, "")

    def has(self, path: str) -> bool:
        """Whether a file or a folder is there."""
        return path in self.files or any(f.startswith(f"{path}/") for f in self.files)

    def named(self, pattern: str, under: str = ".") -> list[str]:
        """Files whose last part matches the expression as a whole, in a folder or below it; the shallowest first."""
        found = [f for f in self.below(under) if re.fullmatch(pattern, PurePosixPath(f).name)]
        return sorted(found, key=lambda f: (f.count("/"), f))

    def below(self, folder: str) -> list[str]:
        """Every file in a folder, at any depth, by name."""
        return sorted(f for f in self.files if is_below(f, folder))

    def _takes(self, path: str) -> bool:
        size = self.files[path][1]
        if size > MAX_BYTES or len(self._texts) >= MAX_READ or self._bytes + size > MAX_ALL_BYTES:
            return False
        self._bytes += size
        return True


def is_below(path: str, folder: str) -> bool:
    """Whether a path is in a folder; `.` is the whole repository."""
    return folder == "." or path.startswith(f"{folder}/")


def joined(folder: str, path: str) -> str:
    """A path in a folder, written as git does."""
    return str(PurePosixPath(folder, path))


def _regular(listing: bytes) -> Iterator[tuple[str, tuple[str, int]]]:
    for line in filter(None, listing.split(b"\0")):
        meta, _, raw = line.partition(b"\t")
        mode, _, blob, size = meta.decode().split()
        try:
            path = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue  # release.yaml is UTF-8 and could not name it
        if mode in ("100644", "100755") and path.isprintable():
            yield path, (blob, int(size))
