"""What is sent to the builder: a git tree as a tar, never a work tree, so that no link, hook or filter of a commit acts here."""

from pathlib import Path

from tasks.config.build import Build
from tasks.errors import ReleaseRefused
from tasks.git import GitFailed, Mirror

MEGABYTE = 1_000_000
LARGEST_DOCKERFILE = 1_000_000


def write_context(mirror: Mirror, tree: str, file: Path, name: str, settings: Build) -> None:
    """Writes the tree's tar. Raises `ReleaseRefused` as soon as it is larger than `build.context_megabytes`."""
    room = settings.context_megabytes * MEGABYTE
    with file.open("wb") as archive:
        for chunk in mirror.stream("archive", "--format=tar", tree):
            if (room := room - len(chunk)) < 0:
                raise ReleaseRefused.because(
                    f"build {name}: what is sent to the builder is larger than {settings.context_megabytes} MB",
                    f"the folder of {name} at this commit",
                    "take large files out of the commit, or raise build.context_megabytes",
                )
            archive.write(chunk)


def read_dockerfile(mirror: Mirror, tree: str, name: str, settings: Build) -> str:
    """The Dockerfile's text. Raises `ReleaseRefused` when the tree has none at that path."""
    try:
        size = int(mirror.run("cat-file", "-s", f"{tree}:{settings.dockerfile}"))
        if mirror.run("cat-file", "-t", f"{tree}:{settings.dockerfile}") == "blob" and size <= LARGEST_DOCKERFILE:
            return mirror.run("cat-file", "blob", f"{tree}:{settings.dockerfile}")
    except GitFailed:
        pass
    raise ReleaseRefused.because(
        f"build {name}: there is no Dockerfile",
        f"{settings.dockerfile} in the folder of {name}",
        "add it to the commit, or set build.dockerfile in release.yaml",
    )
