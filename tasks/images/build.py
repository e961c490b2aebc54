"""Builds one target of one component from its git tree, once per content."""

import logging
import re
import threading
import time
from collections import defaultdict

from tasks.config.build import Build
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import SlipwayError
from tasks.failpoints import reach
from tasks.images import options, registry
from tasks.images.docker_build import Built, Wanted, docker_build
from tasks.images.find import find_image, tag_of
from tasks.images.read_back import require_whole, what_is_wrong
from tasks.models import ComponentChange, Image, Source
from tasks.secrets.known import USERINFO
from tasks.settled import pushing

log = logging.getLogger(__name__)
_one_at_a_time: dict[str, threading.Lock] = defaultdict(threading.Lock)


def build_image(config: Config, source: Source, change: ComponentChange) -> Image:
    """The component's deployable image, pushed and named by the digest that the registry answered.

    Content that was released, or that the registry has under the tree's tag, is reused and not built.
    Running it twice gives the same digest. Raises `ReleaseRefused` with what is wrong and where, `CommandFailed` with the end of the log.
    """
    start = time.monotonic()
    found = find_image(config, change)
    reach("image:looked-up")
    if found and not change.released and (problem := what_is_wrong(found.repository, found.digest)):
        log.warning("%s: %s is in the registry, but %s; it is built anew", change.name, found.digest, problem)
        found = None
    if found:
        log.info("%s: reused %s", change.name, found.digest)
        return found.model_copy(update={"seconds": time.monotonic() - start})
    built, digest = _build_and_push(config, source, change)
    log.info("%s: built %s with %s", change.name, digest, built.builder)
    return Image(
        component=change.name,
        repository=config.components[change.name].image,
        digest=digest,
        revision=source.commit,
        tree=change.tree,
        built=True,
        built_by=str(built.builder),
        seconds=time.monotonic() - start,
    )


def build_target(
    config: Config, source: Source, path: str, settings: Build, target: str | None, reuse: bool = True
) -> str:
    """A local image of one build target (tests, migrations, e2e), never pushed; returns its name.

    The name carries the git tree, so the same content is built once per Engine; without `reuse` it is built anew, from
    the first line of its Dockerfile.
    """
    tree = source.trees[path]
    name = f"slipway/{config.app.name}-{re.sub('[^a-z0-9]+', '-', path.lower()).strip('-')}-{target or 'last'}:{tree}"
    with _one_at_a_time[name]:
        if reuse and _is_here(name):
            log.info("%s: test image reused", path)
        else:
            cache = next((c.image for c in config.components.values() if c.path == path), "")
            anew = [] if reuse else ["--no-cache"]
            docker_build(config, Wanted(path, tree, settings, name, target, arguments=anew, cache=cache))
    reach("test-image:ready")
    return name


def _is_here(name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        engine().images.get(name)
    except ImageNotFound:
        return False
    return True


def _build_and_push(config: Config, source: Source, change: ComponentChange) -> tuple[Built, str]:
    component, tag = config.components[change.name], tag_of(change)
    built = docker_build(config, _wanted(config, source, change))
    reach("image:built")
    with pushing(change.name):
        digest = built.digest or registry.push(component.image, tag)
        reach("image:pushed")
        require_whole(change.name, component.image, digest)
        if not built.digest:
            _push_cache(config, change, built)
    return built, digest


def _wanted(config: Config, source: Source, change: ComponentChange) -> Wanted:
    component = config.components[change.name]
    labels = {
        "source": USERINFO.sub("://", config.app.repository),
        "revision": source.commit,
        "title": change.name,
        "version": source.commit[:12],
    }
    return Wanted(
        name=change.name,
        tree=change.tree,
        settings=component.build,
        tag=f"{component.image}:{tag_of(change)}",
        target=component.build.target,
        arguments=[f"--build-arg=COMMIT={source.commit}", *options.labels(labels)],
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
        engine().images.get(f"{component.image}:{tag_of(change)}").tag(repository, tag)
        registry.push(repository, tag)
    except SlipwayError as error:
        log.warning("%s: its cache was not pushed: %s", change.name, error)
