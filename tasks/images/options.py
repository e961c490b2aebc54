"""What a build is asked for, as arguments of the docker program: each builder gets what it can do, and the log says the rest."""

import csv
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.config.build import Build, Cache, Ssh
from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.images.builder import HOW_TO_GET, Builder
from tasks.secrets.masking import learn

log = logging.getLogger(__name__)
LARGEST_SECRET = 500 * 1024
"""Source: BuildKit, session/secrets: MaxSecretSize."""
WHY_NOT = "needs buildx with another driver than `docker`, or an Engine with the containerd image store"


def options(name: str, settings: Build, builder: Builder) -> list[str]:
    """Arguments that every image of the component is built with, tests' too: arguments, secrets, ssh, platform.

    Raises `ReleaseRefused` for what this builder cannot do, `ConfigInvalid` for a secret that is not there.
    """
    if builder.kind == "classic" and (asked := settings.needs_buildkit):
        raise ReleaseRefused.because(f"{name}: {asked} needs BuildKit, which is not here", builder.program, HOW_TO_GET)
    found = [f"--build-arg={key}={value}" for key, value in settings.args.items()]
    found += [f"--secret={_secret(name, key, settings)}" for key in settings.secrets]
    found += [f"--ssh={_ssh(name, settings.ssh)}"] if settings.ssh else []
    found += [f"--platform={settings.platform}"] if settings.platform else []
    return found


def environment(settings: Build) -> dict[str, str]:
    """Secrets out of variables: the docker program reads them from its own environment."""
    places = [place.secret_env for place in settings.secrets.values() if place.secret_env]
    return {variable: os.environ.get(variable, "") for variable in places}


def cache_options(name: str, settings: Cache, image: str, builder: Builder, export: bool) -> list[str]:
    """Where the cache comes from and, with `export`, goes to; says in the log what was chosen where the wanted one cannot be had."""
    chosen = cache_mode(settings, builder)
    if chosen != settings.mode:
        log.warning("%s: cache %s %s; %s is used", name, settings.mode, WHY_NOT, _said(chosen))
    elif chosen != "none":
        log.info("%s: cache %s", name, chosen)
    if chosen == "none" or not image:
        return []
    ways = {"inline": _inline, "registry": _registry, "local": _local}
    source, target = ways[chosen](settings, settings.ref or f"{image}:cache", builder)
    return [*source, *(target if export else [])]


def _inline(_: Cache, ref: str, builder: Builder) -> tuple[list[str], list[str]]:
    source = f"type=registry,ref={ref}" if builder.kind == "buildx" else ref
    return [f"--cache-from={source}"], ["--build-arg=BUILDKIT_INLINE_CACHE=1"]


def _registry(_: Cache, ref: str, __: Builder) -> tuple[list[str], list[str]]:
    return [f"--cache-from=type=registry,ref={ref}"], [f"--cache-to=type=registry,ref={ref},mode=max"]


def _local(settings: Cache, _: str, __: Builder) -> tuple[list[str], list[str]]:
    """A folder that holds none yet cannot be read from: buildx ends there."""
    there = Path(settings.folder or "", "index.json").exists()
    source = _fields("type=local", f"src={settings.folder}")
    target = _fields("type=local", f"dest={settings.folder}", "mode=max")
    return [f"--cache-from={source}"] if there else [], [f"--cache-to={target}"]


def cache_mode(settings: Cache, builder: Builder) -> str:
    """The mode that this builder can do: the wanted one, else inline in the registry's place, else none."""
    if builder.kind == "classic":
        return "none"
    if settings.mode in ("registry", "local") and not builder.exports:
        return "inline" if settings.mode == "registry" else "none"
    return settings.mode


def attestations(name: str, settings: Build, builder: Builder) -> list[str]:
    """What is to stand beside the image; empty when nothing is wanted or can be had, which the log tells then.

    Raises `ReleaseRefused` when it is required.
    """
    wanted = {"sbom": settings.sbom, "provenance": settings.provenance}
    asked = [what for what, setting in wanted.items() if setting]
    if not asked or builder.attests:
        return [f"--{what}={'mode=min' if what == 'provenance' else 'true'}" for what in asked]
    if required := [what for what in asked if wanted[what] == "required"]:
        raise ReleaseRefused.because(
            f"{name}: {' and '.join(required)} cannot be made by {builder}",
            f"build.{required[0]}: required",
            f"it {WHY_NOT}; or do not require it",
        )
    log.warning("%s: no %s, it %s", name, " and no ".join(asked), WHY_NOT)
    return []


def _said(mode: str) -> str:
    return "the Engine's own cache alone" if mode == "none" else mode


def _secret(name: str, key: str, settings: Build) -> str:
    """Where the docker program finds a secret. What it holds is masked from now on, and is in no argument."""
    place = settings.secrets[key]
    where = place.secret_file or f"${place.secret_env}"
    content = _read(place.secret_file) if place.secret_file else os.environ.get(place.secret_env or "", "").encode()
    if not content or len(content) > LARGEST_SECRET:
        problem = "larger than 500 KiB" if content else "empty, or cannot be read"
        raise ConfigInvalid.because(f"{name}: the build secret {key} is {problem}", where, "put the secret there")
    learn(content.decode(errors="replace"))
    return _fields(f"id={key}", f"src={place.secret_file}" if place.secret_file else f"env={place.secret_env}")


def _ssh(name: str, settings: Ssh) -> str:
    if not Path(settings.path).exists():
        raise ConfigInvalid.because(
            f"{name}: there is no ssh agent or key", settings.path, "start the agent, or correct build.ssh"
        )
    return _fields(f"default={settings.path}")


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(LARGEST_SECRET + 1)
    except OSError:
        return b""


def _fields(*fields: str) -> str:
    """As the docker program reads them: CSV, so that a comma in a path ends nothing."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


def labels(values: dict[str, str]) -> Iterator[str]:
    """OCI's own labels (`org.opencontainers.image.NAME`); no time among them, so that the same input gives the same image."""
    for name, value in values.items():
        if value:
            yield f"--label=org.opencontainers.image.{name}={value}"
