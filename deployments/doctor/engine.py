"""The Docker Engine: there, with a client that builds, room on its disk, addresses for networks, and the images it needs."""

import ipaddress
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployments.doctor.finding import Finding, from_error, ok, warning, wrong
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import ServiceUnavailable
from tasks.images import builder, registry

AREA = "Docker Engine"
OLDEST = (20, 10)
FEW_BYTES = 10 * 1024**3
FEW_NETWORKS = 20
# What the Engine has when nothing is configured. Source: docs.docker.com, "dockerd", default-address-pools.
BUILT_IN_NETWORKS = 31


def look() -> Iterator[Finding]:
    """The Engine itself."""
    info: dict[str, Any] = engine().info()
    version = str(info.get("ServerVersion", ""))
    found = re.match(r"(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        yield wrong(AREA, f"version {version} is too old", "install 20.10 or newer")
    else:
        yield ok(AREA, f"version {version}, {info.get('NCPU')} CPUs, {int(info.get('MemTotal', 0)) / 1024**3:.1f} GiB")
    yield from _builder()
    yield _room(info)
    yield _networks(info)


def images(config: Config) -> Iterator[Finding]:
    """The image that is pulled by name while a release runs."""
    from docker.errors import DockerException, ImageNotFound

    area, name = "images", config.postgres
    try:
        engine().images.get(name)
        yield ok(area, f"{name} is on the Engine")
        return
    except ImageNotFound:
        pass
    except DockerException as error:
        yield wrong(area, f"{name}: the Engine does not say: {type(error).__name__}", "see the Engine's log")
        return
    if registry.find(name) is None:
        yield wrong(area, f"there is no {name}, on the Engine or in its registry", "correct postgres in release.yaml")
    else:
        yield ok(area, f"{name} will be pulled")


def _builder() -> Iterator[Finding]:
    try:
        there = builder.find()
    except ServiceUnavailable as error:
        yield from from_error(AREA, error)
        return
    if there.kind == "classic":
        yield warning(AREA, f"{there.program} builds with {there}", builder.HOW_TO_GET)
    else:
        yield ok(AREA, f"{there.program} builds with {there}")


def _room(info: dict[str, Any]) -> Finding:
    """The Engine tells no free space; its folder may be on this machine."""
    folder = Path(str(info.get("DockerRootDir", "")))
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ok(AREA, f"its disk ({folder}) cannot be seen from here: look at it there")
    if free < FEW_BYTES:
        return warning(AREA, f"{free / 1024**3:.1f} GiB free in {folder}", "make room (`docker system prune`)")
    return ok(AREA, f"{free / 1024**3:.1f} GiB free in {folder}")


def _networks(info: dict[str, Any]) -> Finding:
    """Each suite and each check has a network of its own."""
    pools = info.get("DefaultAddressPools") or []
    all_of_them = sum(2 ** (p["Size"] - ipaddress.ip_network(p["Base"]).prefixlen) for p in pools) or BUILT_IN_NETWORKS
    left = all_of_them - len(engine().networks.list())
    told = f"addresses for {left} more networks"
    if left < FEW_NETWORKS:
        return warning(AREA, told, "`docker network prune`, or set default-address-pools in the Engine's daemon.json")
    return ok(AREA, told)
