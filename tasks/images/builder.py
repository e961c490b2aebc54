"""Finds a docker program that can build with BuildKit: the Python SDK cannot, and not every client on PATH can."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tasks.errors import ServiceUnavailable

# What the client may see of this process: where the engine is and how to log in to registries, nothing else.
PASSED_ON = (
    *("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    "BUILDX_CONFIG",  # where the plugin writes its own state when DOCKER_CONFIG is read only
)
LAST_WITHOUT_PLUGIN = 22


@cache
def program() -> str:
    """Path of the docker program to build with. Raises `ServiceUnavailable` saying which were tried and what to install."""
    tried = []
    for candidate in _candidates():
        if _can_build(candidate):
            return candidate
        tried.append(candidate)
    raise ServiceUnavailable.because(
        "no docker program here can build with BuildKit",
        ", ".join(tried) or "PATH",
        "install Docker's buildx plugin (docker-buildx-plugin), or Debian's docker.io",
    )


def environment() -> dict[str, str]:
    """Environment of the docker program."""
    return {**{k: os.environ[k] for k in PASSED_ON if k in os.environ}, "DOCKER_BUILDKIT": "1"}


def _candidates() -> list[str]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    found = (shutil.which("docker", path=folder) for folder in folders if folder)
    return list(dict.fromkeys(str(Path(f).resolve()) for f in found if f))


def _can_build(candidate: str) -> bool:
    """Clients before 23 carry BuildKit's client themselves; later ones need the buildx plugin."""
    if (
        subprocess.run([candidate, "buildx", "version"], capture_output=True, env=environment(), check=False).returncode
        == 0
    ):
        return True
    version = subprocess.run(
        [candidate, "--version"], capture_output=True, text=True, env=environment(), check=False
    ).stdout
    match = re.search(r"version (\d+)\.", version)
    return bool(match) and int(match[1]) <= LAST_WITHOUT_PLUGIN
