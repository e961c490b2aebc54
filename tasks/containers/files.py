"""Files into a container before it starts, and out of it when it has ended."""

import io
import logging
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.secrets.masking import mask_bytes

if TYPE_CHECKING:
    from docker.models.containers import Container

log = logging.getLogger(__name__)
TAKEN_BYTES = 100 * 1024**2
"""Of one path, a folder with all that is in it."""
TAKEN_FILES = 10_000


def tar(name: str, content: bytes) -> bytes:
    """An archive with one file, as the Engine takes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def lay(container: "Container", place: str, archive: bytes) -> None:
    """Unpacks an archive beside `place`; folders that are not there above it are made."""
    _make_folder(container, Path(place).parent)
    container.put_archive(str(Path(place).parent), archive)


def _make_folder(container: "Container", path: Path) -> None:
    from docker.errors import NotFound

    try:
        container.put_archive(str(path), tarfile.NUL * tarfile.RECORDSIZE)  # an empty archive: only whether it is there
    except NotFound:
        _make_folder(container, path.parent)
        container.put_archive(str(path.parent), _folder(path.name))


def _folder(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
    return buffer.getvalue()


def copy_out(container: "Container", path: str, destination: Path) -> bool:
    """Copies a file or folder out of a container, masked; what is not there is left out.

    False: not all of it was taken, because it is more than 100 MiB or 10,000 files. Links and devices are never taken.
    """
    from docker.errors import NotFound

    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return True
    left = TAKEN_BYTES
    with tarfile.open(fileobj=io.BufferedReader(_Stream(chunks)), mode="r|") as archive:
        for number, member in enumerate(archive):
            left -= member.size if member.isfile() else 0
            if left < 0 or number > TAKEN_FILES:
                log.warning("%s: not all of it was taken, it is more than %d MiB", path, TAKEN_BYTES // 1024**2)
                return False
            _place(archive, member, destination)
    return True


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, destination: Path) -> None:
    if not member.isfile() or not (source := archive.extractfile(member)):
        return
    inner = Path(*Path(member.name).parts[1:])
    target = destination / inner if inner.parts else destination
    if destination.resolve() in (target.resolve(), *target.resolve().parents):
        with suppress(OSError):  # a name that this machine's disk does not take
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(mask_bytes(source.read()))  # it stays in the Slipway home


class _Stream(io.RawIOBase):
    """Chunks as a file, so that an archive is never in memory as a whole."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._chunks, b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
