"""What a Dockerfile is built from, by what it copies: its own folder, one above it, or its folder and places of the root."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from tasks.source.dockerfile import Dockerfile
from tasks.source.snapshot import Snapshot, is_below, joined

# A Dockerfile in one of these is named by what it builds, or by the folder above.
FOLDERS_OF_DOCKERFILES = (
    "docker",
    "deploy",
    "deployment",
    "build",
    "container",
    "containers",
    "infra",
    ".docker",
    "ops",
)


class Context(NamedTuple):
    """A folder, and with `shared` the other places that it is made of; `note` says what a person should look at."""

    path: str
    shared: tuple[str, ...] = ()
    note: str = ""


def context(snapshot: Snapshot, file: str, dockerfile: Dockerfile) -> Context:
    """The context that COPY means: where the copied files are."""
    own = PurePosixPath(file).parent
    sources = dockerfile.sources()
    missing = [s for s in sources if not snapshot.has(joined(str(own), s))]
    if not missing or str(own) == ".":
        return Context(str(own))
    above = next((a for a in own.parents if all(snapshot.has(joined(str(a), s)) for s in sources)), None)
    if above is None:
        note = f"{file} is taken to be built from the folder above it"
        return Context(str(own.parent), (), note) if own.name in FOLDERS_OF_DOCKERFILES else Context(str(own))
    own_files = any(is_below(s, str(own)) or s == str(own) for s in sources)
    if str(above) == "." and own_files and not dockerfile.copies_more:
        return Context(str(own), _shared(snapshot, sources, str(own)))
    note = f"COPY {missing[0]} in {file} means the folder {above}, so that is the build's context"
    return Context(str(above), (), note + ("; every change there builds this anew" if str(above) == "." else ""))


def _shared(snapshot: Snapshot, sources: Sequence[str], own: str) -> tuple[str, ...]:
    """The places outside of the folder, without those inside of one another, and what keeps files out of the context."""
    outside = [s for s in dict.fromkeys(sources) if not is_below(s, own) and s != own]
    outer = [s for s in outside if not any(s != o and is_below(s, o) for o in outside)]
    return (*outer, *(f for f in (".dockerignore",) if f in snapshot.files))
