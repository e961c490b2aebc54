"""Finds a docker program to build with, and what it can: the Python SDK knows no BuildKit, and not every client on PATH does."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tasks.containers import engine
from tasks.errors import ServiceUnavailable

# What the client may see of this process: where the engine is and how to log in to registries, nothing else.
PASSED_ON = (
    *("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    "BUILDX_CONFIG",  # where the plugin writes its own state when DOCKER_CONFIG is read only
    "BUILDX_BUILDER",  # which of its builders the operator wants
)
LAST_WITHOUT_PLUGIN = 22
ATTESTING = (0, 10)
"""buildx 0.10 was the first to make attestations, and makes one unasked from then on."""
HOW_TO_GET = "install Docker's buildx plugin (docker-buildx-plugin; Debian: docker-buildx)"
Kind = Literal["buildx", "client", "classic"]


@dataclass(frozen=True)
class Builder:
    """A docker program and what builds with it.

    `buildx`: Docker's plugin; `client`: BuildKit by a client before 23; `classic`: the builder before BuildKit. `driver` is
    buildx's; `exports`: whether it hands a cache out to a registry or a folder, and can push attestations.
    """

    program: str
    kind: Kind
    version: tuple[int, ...] = ()
    driver: str = ""
    exports: bool = False

    @property
    def attests(self) -> bool:
        """Whether it can put attestations beside an image."""
        return self.exports and self.version >= ATTESTING

    @property
    def command(self) -> tuple[str, ...]:
        """How a build begins."""
        return (self.program, "buildx", "build") if self.kind == "buildx" else (self.program, "build")

    def __str__(self) -> str:
        if self.kind == "classic":
            return "the classic builder, without BuildKit"
        return f"BuildKit by buildx ({self.driver} driver)" if self.kind == "buildx" else "BuildKit of the Engine"


@cache
def find() -> Builder:
    """The best docker program here. Raises `ServiceUnavailable` saying which were tried and what to install."""
    tried = _candidates()
    able = [builder for candidate in tried if (builder := _look_at(candidate))]
    if not able:
        raise ServiceUnavailable.because("no docker program here can build", ", ".join(tried) or "PATH", HOW_TO_GET)
    return next((b for b in able if b.kind != "classic"), able[0])


def environment(builder: Builder) -> dict[str, str]:
    """Environment of the docker program."""
    passed = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
    return {**passed, "DOCKER_BUILDKIT": "0" if builder.kind == "classic" else "1"}


def _candidates() -> list[str]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    found = (shutil.which("docker", path=folder) for folder in folders if folder)
    return list(dict.fromkeys(str(Path(f).resolve()) for f in found if f))


def _look_at(program: str) -> Builder | None:
    """Clients before 23 carry BuildKit's client themselves; later ones need the plugin, and are classic without."""
    if plugin := _numbers(_said(program, "buildx", "version")):
        driver = _driver(_said(program, "buildx", "inspect"))
        exports = driver not in ("", "docker") or _has_containerd_store()
        return Builder(program, "buildx", plugin, driver, exports)
    version = _numbers(_said(program, "--version"))
    if not version:
        return None
    return Builder(program, "client" if version[0] <= LAST_WITHOUT_PLUGIN else "classic", version)


def _said(program: str, *arguments: str) -> str:
    """What the program prints; '' when it ends badly or hangs."""
    environment = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"(?<![\w.])v?(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else ()


def _driver(text: str) -> str:
    match = re.search(r"^Driver:\s*(\S+)", text, re.MULTILINE)
    return match[1] if match else ""


def _has_containerd_store() -> bool:
    """Whether the Engine keeps images in containerd: its own builder exports caches then, as one of another driver does."""
    return "io.containerd.snapshotter" in str(engine().info().get("DriverStatus"))
