"""Builds one target of one component from its git tree, once per content."""

import logging
import re
import time
from collections.abc import Sequence

from tasks.config.build import Build
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import SlipwayError
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.images import options, registry
from tasks.images.docker_build import Built, Wanted, docker_build
from tasks.images.find import find_image
from tasks.images.lock import held
from tasks.images.read_back import require_whole, what_is_wrong
from tasks.models import ComponentChange, Image, Source
from tasks.secrets.known import USERINFO
from tasks.settled import pushing

log = logging.getLogger(__name__)


def build_image(config: Config, source: Source, change: ComponentChange, reuse: bool = True) -> Image:
    """The component's deployable image, pushed and named by the digest that the registry answered.

    Content that was released, or that the registry has under the content's tag, is reused and not built; what another release
    builds here at the same time is waited for. Running it twice gives the same digest. Without `reuse` it is built anew, from
    the first line of its Dockerfile. Raises `ReleaseRefused` with what is wrong and where, `CommandFailed` with the end of the log.
    """
    start = time.monotonic()
    with held(f"{config.components[change.name].image}:{change.tag}"):
        found = _whole(config, change) if reuse else None
        reach("image:looked-up")
        if found:
            log.info("%s: reused %s", change.name, found.digest)
            return found.model_copy(update={"seconds": time.monotonic() - start})
        built, digest = _build_and_push(config, source, change, reuse)
    log.info("%s: built %s with %s", change.name, digest, built.builder)
    return Image(
        component=change.name,
        repository=config.components[change.name].image,
        digest=digest,
        revision=source.commit,
        tree=change.tree,
        key=change.key,
        built=True,
        built_by=str(built.builder),
        seconds=time.monotonic() - start,
    )


def _whole(config: Config, change: ComponentChange) -> Image | None:
    """The image that there is, unless the registry has lost a part of it."""
    found = find_image(config, change)
    if found and not change.released and (problem := what_is_wrong(found.repository, found.digest)):
        log.warning("%s: %s is in the registry, but %s; it is built anew", change.name, found.digest, problem)
        return None
    return found


def build_target(
    config: Config,
    source: Source,
    path: str,
    settings: Build,
    target: str | None,
    shared: tuple[str, ...] = (),
    key: str = "",
    reuse: bool = True,
) -> str:
    """A local image of one build target (tests, migrations, e2e), never pushed; returns its name.

    The name carries the content key, or without one the git tree, so the same content is built once per Engine.
    """
    tree = _tree(config, source, (path, *shared))
    name = f"slipway/{config.app.name}-{re.sub('[^a-z0-9]+', '-', path.lower()).strip('-')}-{target or 'last'}:{key or tree}"
    with held(name):
        if reuse and _take_up(name):
            log.info("%s: test image reused", path)
        else:
            cache = next((c.image for c in config.components.values() if c.path == path), "")
            docker_build(config, Wanted(path, tree, settings, name, target, _anew(reuse), cache=cache))
    reach("test-image:ready")
    return name


def _take_up(name: str) -> bool:
    """Whether the image is here. Its name is given once more: the Engine's only record of when it was used (`tidy.py`)."""
    from docker.errors import ImageNotFound

    try:
        engine().images.get(name).tag(name)
    except ImageNotFound:
        return False
    return True


def _anew(reuse: bool) -> list[str]:
    return [] if reuse else ["--no-cache"]


def _tree(config: Config, source: Source, paths: Sequence[str]) -> str:
    """What the build is given: a tree of these paths and nothing else."""
    if len(paths) == 1:
        return source.trees[paths[0]]
    return Mirror.holding(config.app.repository, config.app.branch, source.commit).tree_of(source.commit, paths)


def _build_and_push(config: Config, source: Source, change: ComponentChange, reuse: bool) -> tuple[Built, str]:
    component, tag = config.components[change.name], change.tag
    built = docker_build(config, _wanted(config, source, change, reuse))
    reach("image:built")
    with pushing(change.name):
        digest = built.digest or registry.push(component.image, tag)
        reach("image:pushed")
        require_whole(change.name, component.image, digest)
        if not built.digest:
            _push_cache(config, change, built)
    return built, digest


def _wanted(config: Config, source: Source, change: ComponentChange, reuse: bool) -> Wanted:
    component = config.components[change.name]
    labels = {
        "source": USERINFO.sub("://", config.app.repository),
        "revision": source.commit,
        "title": change.name,
        "version": source.commit[:12],
    }
    return Wanted(
        name=change.name,
        tree=_tree(config, source, component.paths),
        settings=component.build_in_context,
        tag=f"{component.image}:{change.tag}",
        target=component.build.target,
        arguments=[f"--build-arg=COMMIT={source.commit}", *options.labels(labels), *_anew(reuse)],
        cache=component.image,
        export=True,
    )


def _push_cache(config: Config, change: ComponentChange, built: Built) -> None:
    """An inline cache travels in a copy of the image under a name that stays. Without it the next build is slower, no more."""
    component = config.components[change.name]
    if options.cache_mode(component.build.cache, built.builder) != "inline":
        return
    repository, _, tag = (component.build.cache.ref or f"{component.image}:cache").rpartition(":")
    try:
        engine().images.get(f"{component.image}:{change.tag}").tag(repository, tag)
        registry.push(repository, tag)
    except SlipwayError as error:
        log.warning("%s: its cache was not pushed: %s", change.name, error)
