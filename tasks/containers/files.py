"""Files into a container before it starts, and out of it when it has ended."""

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.secrets.masking import mask_bytes

if TYPE_CHECKING:
    from docker.models.containers import Container


def tar(name: str, content: bytes) -> bytes:
    """An archive with one file, as the Engine takes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def copy_out(container: "Container", path: str, destination: Path) -> None:
    """Copies a file or folder out of a container, masked; what is not there is left out."""
    from docker.errors import NotFound

    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return
    buffer = io.BytesIO(b"".join(chunks))
    with tarfile.open(fileobj=buffer) as archive:
        for member in archive.getmembers():
            if member.isfile() and (source := archive.extractfile(member)):
                inner = Path(*Path(member.name).parts[1:])
                target = destination / inner if inner.parts else destination
                if destination.resolve() in (target.resolve(), *target.resolve().parents):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(mask_bytes(source.read()))  # it stays in the Slipway home
