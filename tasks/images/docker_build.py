"""One run of the docker program: finds the builder, sends the tree, watches time and disk, and explains what went wrong."""

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks import command
from tasks.config.build import Build
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.home import home, scratch
from tasks.images import builder as builders
from tasks.images import dockerfile, options
from tasks.images.builder import HOW_TO_GET, Builder
from tasks.images.context import read_dockerfile, write_context
from tasks.images.problems import Failed, explain
from tasks.images.slots import build_slot

log = logging.getLogger(__name__)
FREE_BYTES = 2 * 1024**3
"""So much must be free before a build begins."""
LEAST_FREE_BYTES = 512 * 1024**2
"""A build that leaves less than this is ended."""
PUSHED = "containerimage.digest"


@dataclass(frozen=True)
class Wanted:
    """What is to be built: `tree` of the component or folder `name`, with its settings, one target, and its tag."""

    name: str
    tree: str
    settings: Build
    tag: str
    target: str | None = None
    arguments: Sequence[str] = ()
    cache: str = ""  # the image repository whose cache is read and written; none: no image of ours is pushed
    export: bool = False


@dataclass(frozen=True)
class Built:
    """By which builder it was built; the digest only where that has pushed it, too."""

    builder: Builder
    digest: str = ""


def docker_build(config: Config, wanted: Wanted) -> Built:
    """Builds it, in its turn. Raises `ReleaseRefused` with line and next step, `CommandFailed` with the build's last lines."""
    _require_space(wanted.name)
    mirror = Mirror.holding(config.app.repository, config.app.branch, wanted.tree)
    text = read_dockerfile(mirror, wanted.tree, wanted.name, wanted.settings)
    builder = _builder(wanted, text)
    with scratch("build") as folder, build_slot(wanted.name, config.builds_at_once):
        write_context(mirror, wanted.tree, folder / "context.tar", wanted.name, wanted.settings)
        attested = options.attestations(wanted.name, wanted.settings, builder) if wanted.export else []
        reach("build:before")
        try:
            _run([*_argv(wanted, builder, attested, folder), "-"], wanted, builder, folder / "context.tar")
        except command.CommandFailed as error:
            raise explain(Failed(wanted.name, wanted.settings.dockerfile, text, error)) from error
        return Built(builder, _pushed(folder / "metadata.json") if attested else "")


def _builder(wanted: Wanted, text: str) -> Builder:
    """The builder; the classic one only for a Dockerfile that needs nothing of BuildKit."""
    builder = builders.find()
    if builder.kind == "classic" and (found := dockerfile.needs_buildkit(text)):
        raise ReleaseRefused.because(
            f"build {wanted.name}: no docker program here can build with BuildKit, which `{found[1]}` needs",
            f"{wanted.settings.dockerfile}, line {found[0]}; {builder.program}",
            HOW_TO_GET,
        )
    if builder.kind == "classic":
        log.warning("%s: built by %s, which is slower; %s", wanted.name, builder, HOW_TO_GET)
    return builder


def _argv(wanted: Wanted, builder: Builder, attested: Sequence[str], folder: Path) -> list[str]:
    settings = wanted.settings
    argv = [*builder.command, f"--file={settings.dockerfile}", f"--tag={wanted.tag}"]
    # The classic builder leaves the container of a failed line behind.
    argv += ["--force-rm"] if builder.kind == "classic" else ["--progress=plain"]
    argv += [f"--target={wanted.target}"] if wanted.target else []
    argv += [*wanted.arguments, *options.options(wanted.name, settings, builder)]
    argv += options.cache_options(wanted.name, settings.cache, wanted.cache, builder, wanted.export)
    if attested:  # an Engine's own store has no room for them
        return [*argv, *attested, "--push", f"--metadata-file={folder / 'metadata.json'}"]
    if builder.kind == "buildx":
        argv += ["--provenance=false"] if builder.version >= builders.ATTESTING else []
        argv += ["--load"]
    return argv


def _run(argv: Sequence[str], wanted: Wanted, builder: Builder, context: Path) -> None:
    logs = home() / "logs" / "builds"
    logs.mkdir(parents=True, exist_ok=True)
    with context.open("rb") as stdin:
        command.run(
            argv,
            name=f"build {wanted.name}",
            timeout_seconds=wanted.settings.timeout,
            stdin=stdin,
            env={**builders.environment(builder), **options.environment(wanted.settings)},
            log_file=logs / f"{re.sub('[^a-z0-9]+', '-', wanted.name.lower())}-{wanted.tree[:12]}.log",
            stop=lambda: _full(wanted.name, LEAST_FREE_BYTES, "a build that fills it was ended"),
        )


def _pushed(metadata: Path) -> str:
    """The digest that the push answered, out of buildx's own file."""
    try:
        digest = str(json.loads(metadata.read_text())[PUSHED])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceUnavailable.because(
            "buildx did not say which digest the push had", str(metadata.name), "see the build's log"
        ) from error
    return digest


def _require_space(name: str) -> None:
    if error := _full(name, FREE_BYTES, "no build is begun"):
        raise error


def _full(name: str, least: int, what: str) -> SlipwayError | None:
    """Why there is no room, of this machine's disks that builds write to; None when there is."""
    for place in (home(), Path(tempfile.gettempdir()), _engine_folder()):
        if place.exists() and (free := shutil.disk_usage(place).free) < least:
            return ReleaseRefused.because(
                f"build {name}: the disk is nearly full, {free / 1024**3:.1f} GiB are free; {what}",
                str(place),
                "make room (`docker builder prune`, `docker system prune`, old logs), then retry the run",
            )
    return None


@cache
def _engine_folder() -> Path:
    """Where the Engine keeps images; a folder that is not here belongs to an Engine elsewhere."""
    return Path(str(engine().info().get("DockerRootDir") or "/nowhere"))
