"""The content key: one digest over everything that an image is made of. The same key is the same image."""

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tasks.config.build import Build
from tasks.config.model import Config
from tasks.git import GitFailed, Mirror
from tasks.models import Source, key_of
from tasks.source.bases import bases

log = logging.getLogger(__name__)
RECIPE = 1  # of `tasks/images/build.py`: what is built otherwise is other content, so count it up then
END_TO_END = ""  # beside the components' names, which are never empty
SCRATCH = "scratch"  # the base that is no image
MOST_BYTES = 1_000_000


class Made(NamedTuple):
    """What one image is made of."""

    tree: str
    dockerfile: str
    build: Build
    bases: tuple[str, ...]


def made_of(config: Config, source: Source) -> dict[str, Made]:
    """Component, and `END_TO_END` if there is one, -> what it is made of at this commit."""
    mirror = Mirror.holding(config.app.repository, config.app.branch, source.commit)
    return {
        name: Made(
            mirror.tree_of(source.commit, paths),
            build.dockerfile if len(paths) == 1 else file,
            build,
            bases(_text(mirror, f"{source.commit}:{file}"), build.args),
        )
        for name, paths, file, build in _configured(config)
    }


def images(config: Config, made: Mapping[str, Made]) -> frozenset[str]:
    """Every image that builds begin from, and those of all services."""
    suites = (suite for component in config.components.values() for suite in component.suites.values())
    services = {getattr(service, "image", config.postgres) for suite in suites for service in suite.services}
    services |= {service.image for service in config.e2e.services} if config.e2e else set()
    return frozenset(services.union({config.postgres}, *(m.bases for m in made.values())) - {SCRATCH})


def known(source: Source, digests: Mapping[str, str]) -> dict[str, str]:
    """Image -> its digest. One that could not be found out counts as new at each commit: it proves nothing of another one."""
    for image in sorted(image for image, digest in digests.items() if not digest):
        log.warning("%s: its digest is not known; what is made of it counts as new", image)
    return {image: digest or _unknown(source) for image, digest in digests.items()}


def keys(source: Source, made: Mapping[str, Made], digests: Mapping[str, str]) -> dict[str, str]:
    """Name as in `made` -> key, over the git tree that is built, build settings, the `known` digests of its base images, and our recipe."""
    return {name: key_of(_parts(source, m, digests)) for name, m in made.items()}


def _parts(source: Source, made: Made, digests: Mapping[str, str]) -> dict[str, object]:
    begun_from = {name: digests.get(name, _unknown(source)) for name in made.bases if name != SCRATCH}
    return {
        "recipe": RECIPE,
        "tree": made.tree,
        "dockerfile": made.dockerfile,
        "target": made.build.target,
        "args": made.build.args,
        "platform": made.build.platform,
        # Named only where it is wanted, so that all other content keeps its key.
        **{what: wanted for what in ("sbom", "provenance") if (wanted := getattr(made.build, what))},
        # A Dockerfile without any is none that can be read: nothing is known of it.
        "bases": begun_from if made.bases else {"": _unknown(source)},
    }


def _unknown(source: Source) -> str:
    return f"not known at {source.commit}"


def _configured(config: Config) -> Iterator[tuple[str, tuple[str, ...], str, Build]]:
    for name, component in config.components.items():
        yield name, component.paths, component.dockerfile, component.build
    if config.e2e:
        yield (
            END_TO_END,
            config.e2e.paths,
            config.e2e.file,
            Build(dockerfile=config.e2e.dockerfile),
        )


def _text(mirror: Mirror, blob: str) -> str:
    """A file's text; empty when it is not there or larger than any Dockerfile."""
    try:
        return mirror.run("cat-file", "blob", blob) if int(mirror.run("cat-file", "-s", blob)) <= MOST_BYTES else ""
    except GitFailed:  # the build will say so
        return ""
