"""This machine: release.yaml, room for mirrors and builds, the git program, time zones."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deployments.doctor.finding import Finding, ok, warning, wrong
from tasks.config.file import config_path
from tasks.config.model import Config

AREA = "this machine"
LEAST_BYTES, FEW_BYTES = 2 * 1024**3, 10 * 1024**3
# `git merge-tree`, partial fetches and `push --force-with-lease` of one ref as we use them; Debian 11 has 2.30.
OLDEST_GIT = (2, 30)
NIGHTLY_ZONE = "Europe/Oslo"


def configuration(config: Config) -> list[Finding]:
    """That release.yaml was read."""
    return [ok("release.yaml", f"{config_path()}: {summary(config)}")]


def summary(config: Config) -> str:
    """What release.yaml is about: `shop, 1 component, 2 rings`."""
    counts = {"component": len(config.components), "ring": len(config.rings)}
    return ", ".join([config.app.name, *(f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items())])


def look() -> Iterator[Finding]:
    """Folders, room and programs."""
    yield from _folder("SLIPWAY_HOME", Path(os.environ.get("SLIPWAY_HOME") or Path.home() / ".cache" / "slipway"))
    yield from _folder("temporary folder", Path(tempfile.gettempdir()))
    yield _git()


def time_zones(config: Config) -> Iterator[Finding]:
    """Freezes and schedules name zones of the database that the system or the package tzdata carries."""
    zones = sorted({NIGHTLY_ZONE, *(freeze.timezone for freeze in config.policy.freeze)})
    missing = [zone for zone in zones if not _is_zone(zone)]
    if missing:
        yield wrong(
            AREA,
            f"the time zone database does not have {', '.join(missing)}",
            "install tzdata (apt-get install tzdata)",
        )
    else:
        yield ok(AREA, f"time zones: {', '.join(zones)}")


def _folder(name: str, folder: Path) -> Iterator[Finding]:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield wrong(AREA, f"{name} {folder} cannot be written", "give it to the user that Slipway runs as")
        return
    free = shutil.disk_usage(there).free
    told = f"{name} {folder}: {free / 1024**3:.1f} GiB free"
    if free < LEAST_BYTES:
        yield wrong(AREA, told, "make room: builds are refused below 2 GiB")
    elif free < FEW_BYTES:
        yield warning(AREA, told, "make room soon: builds are refused below 2 GiB")
    else:
        yield ok(AREA, told)


def _git() -> Finding:
    if not shutil.which("git"):
        return wrong(AREA, "there is no git program", "install git")
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < OLDEST_GIT:
        return wrong(AREA, f"{said or 'git says no version'} is too old", "install git 2.30 or newer")
    return ok(AREA, said)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
