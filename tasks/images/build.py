"""Builds one target of one component from its git tree, once per content."""

import io
import logging
import re
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from tasks import command
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.failpoints import reach
from tasks.git import Mirror, home
from tasks.images import builder, registry
from tasks.images.find import find_image, tag_of
from tasks.models import ComponentChange, Image, Source

log = logging.getLogger(__name__)
BUILD_SECONDS = 1800
FREE_BYTES = 2 * 1024**3
_one_at_a_time: dict[str, threading.Lock] = defaultdict(threading.Lock)


def build_image(config: Config, source: Source, change: ComponentChange) -> Image:
    """The component's deployable image, pushed and named by the digest that the registry answered.

    Content that was released, or that the registry has under the tree's tag, is reused and not built.
    Running it twice gives the same digest. Raises `CommandFailed` with the end of the build's log.
    """
    start = time.monotonic()
    found = find_image(config, change)
    reach("image:looked-up")
    if found:
        log.info("%s: reused %s", change.name, found.digest)
        return found.model_copy(update={"seconds": time.monotonic() - start})
    digest = _build_and_push(config, source, change)
    log.info("%s: built %s", change.name, digest)
    return Image(
        component=change.name,
        repository=config.components[change.name].image,
        digest=digest,
        revision=source.commit,
        tree=change.tree,
        built=True,
        seconds=time.monotonic() - start,
    )


def build_target(config: Config, source: Source, path: str, dockerfile: str, target: str | None) -> str:
    """A local image of one build target (tests, migrations, e2e), never pushed; returns its name.

    The name carries the git tree, so the same content is built once per Engine.
    """
    from docker.errors import ImageNotFound

    tree = source.trees[path]
    name = f"slipway/{config.app.name}-{re.sub('[^a-z0-9]+', '-', path.lower()).strip('-')}-{target or 'last'}:{tree}"
    with _one_at_a_time[name]:
        try:
            engine().images.get(name)
            log.info("%s: test image reused", path)
        except ImageNotFound:
            _build(config, tree, path, dockerfile, ["--tag", name, *(["--target", target] if target else [])])
    reach("test-image:ready")
    return name


def _build_and_push(config: Config, source: Source, change: ComponentChange) -> str:
    component, tag = config.components[change.name], tag_of(change)
    _build(
        config,
        change.tree,
        change.name,
        component.build.dockerfile,
        [
            "--tag",
            f"{component.image}:{tag}",
            *(["--target", component.build.target] if component.build.target else []),
            "--build-arg",
            f"COMMIT={source.commit}",
            "--label",
            f"{registry.REVISION_LABEL}={source.commit}",
        ],
    )
    reach("image:built")
    digest = registry.push(component.image, tag)
    reach("image:pushed")
    if registry.find(f"{component.image}@{digest}") != digest:
        raise ServiceUnavailable.because(
            f"{change.name}: the registry does not have what was pushed",
            f"{component.image}@{digest}",
            "see the registry's log",
        )
    return digest


def _build(config: Config, tree: str, name: str, dockerfile: str, options: list[str]) -> None:
    _require_space(name)
    logs = home() / "logs" / "builds"
    logs.mkdir(parents=True, exist_ok=True)
    mirror = Mirror.holding(config.app.repository, config.app.branch, tree)
    context = mirror.run_bytes("archive", "--format=tar", tree)
    with tempfile.TemporaryFile() as stdin:
        stdin.write(io.BytesIO(context).getbuffer())
        stdin.seek(0)
        reach("build:before")
        argv = [builder.program(), "build", "--progress=plain", "--file", dockerfile, *options, "-"]
        command.run(
            argv,
            name=f"build {name}",
            timeout_seconds=BUILD_SECONDS,
            stdin=stdin,
            env=builder.environment(),
            log_file=logs / f"{re.sub('[^a-z0-9]+', '-', name.lower())}-{tree[:12]}.log",
        )


def _require_space(name: str) -> None:
    places = [home(), Path(tempfile.gettempdir())]
    for place in places:
        if (free := shutil.disk_usage(place).free) < FREE_BYTES:
            raise ReleaseRefused.because(
                f"{name}: the disk is nearly full, {free / 1024**3:.1f} GiB are free",
                str(place),
                "make room (`docker system prune`, old logs), then retry the run",
            )
