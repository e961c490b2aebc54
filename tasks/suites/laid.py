"""Files of the commit for a container whose image has none of them: tests, mostly, that an app's image leaves out."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.git import Mirror


def laid(config: Config, component: str, tree: str, files: Mapping[str, str]) -> dict[str, bytes]:
    """Place in the container -> archive of what is put there, out of the component's git tree: no link of a work tree, no filter.

    Raises `ReleaseRefused` when the commit has none of the name.
    """
    if not files:
        return {}
    mirror = Mirror.holding(config.app.repository, config.app.branch, tree)
    return {place: _archive(mirror, component, tree, path, place) for path, place in files.items()}


def _archive(mirror: Mirror, component: str, tree: str, path: str, place: str) -> bytes:
    if mirror.tree(tree, path) is None:
        raise ReleaseRefused.because(
            f"there is no {path} in {component}",
            "release.yaml, files of a suite",
            "correct the path, or add it to the app",
        )
    name = PurePosixPath(place).name
    if path == ".":
        return mirror.run_bytes("archive", "--format=tar", f"--prefix={name}/", tree)
    return _renamed(mirror.run_bytes("archive", "--format=tar", tree, path), path, name)


def _renamed(archive: bytes, path: str, name: str) -> bytes:
    """The archive with what lies at `path` called `name`, without the folders above it: those keep what the image gave them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=buffer, mode="w") as new:
        for member in old:
            if member.name == path or member.name.startswith(f"{path}/"):
                member.name = name + member.name.removeprefix(path)
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return buffer.getvalue()
