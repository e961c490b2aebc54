"""What a build is given of the app's repository: one folder, or with `shared` the root with some places alone."""

from collections.abc import Sequence

from tasks.config.build import Build


def paths(path: str, shared: Sequence[str]) -> tuple[str, ...]:
    """Everything in the app's repository that is built from: nothing else reaches the build."""
    return (path,) if path == "." else tuple(dict.fromkeys((path, *shared)))


def dockerfile(name: str, places: Sequence[str]) -> str:
    """Where a Dockerfile is in the repository: named in the folder, or where it lies in a shared place from the root."""
    path, *shared = places
    of_shared = any(name == place or name.startswith(f"{place}/") for place in shared)
    return name if of_shared or path == "." else f"{path}/{name}"


def in_context(build: Build, places: Sequence[str]) -> Build:
    """The build with its Dockerfile's place in the context: the folder, or with shared places the root."""
    return build.model_copy(update={"dockerfile": dockerfile(build.dockerfile, places)}) if len(places) > 1 else build
