"""The base images that the sample apps' Dockerfiles name: pulled where a registry is in reach, otherwise made.

Made from Debian's packages and PyPI under the official names, so that the same Dockerfiles build in both cases.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tasks.containers import engine
from tasks.errors import ReleaseRefused
from tasks.images import builder

HERE = Path(__file__).parent
SUITE = "trixie"
OFFICIAL = {"python:3.13-slim": "python", "node:24-slim": "node", "postgres:17": "postgres"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
MAKE_SECONDS = 600

Tell = Callable[[str], None]


def ensure_base_images(tell: Tell) -> None:
    """Has every base image on this Engine. Raises `ReleaseRefused` with what to install when one cannot be made."""
    missing = [name for name in OFFICIAL if not _present(name)]
    if not missing:
        return
    if _pulled(missing[0], tell):
        for name in missing[1:]:
            _pulled(name, tell)
        missing = [name for name in missing if not _present(name)]
    if missing:
        tell(f"no registry in reach: making {', '.join(missing)} from Debian's packages")
        _make(missing, tell)


def _present(name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        engine().images.get(name)
    except ImageNotFound:
        return False
    return True


def _pulled(name: str, tell: Tell) -> bool:
    from docker.errors import APIError

    try:
        engine().images.pull(name)
    except APIError:
        return False
    tell(f"{name}: pulled")
    return True


def _make(names: list[str], tell: Tell) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if not _present("slipway-base/debian"):
            _make_debian(Path(folder), tell)
        for name, file in OFFICIAL.items():
            if name in names:
                _build(HERE, file, name)
                tell(f"{name}: made")


def _make_debian(folder: Path, tell: Tell) -> None:
    if not shutil.which("mmdebstrap"):
        raise ReleaseRefused.because(
            "base images can neither be pulled nor made", "mmdebstrap is not installed", "apt-get install -y mmdebstrap"
        )
    tell(f"Debian {SUITE}: downloading")
    archive = folder / "rootfs.tar"
    _run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates,curl,adduser", SUITE, str(archive)])
    with archive.open("rb") as content:
        engine().api.import_image_from_data(content.read(), repository="slipway-base/rootfs")
    context = folder / "context"
    context.mkdir()
    shutil.copy(HERE / "debian.Dockerfile", context)
    shutil.copy(CERTIFICATES, context / "ca-certificates.crt")
    _build(context, "debian", "slipway-base/debian")


def _build(context: Path, file: str, name: str) -> None:
    dockerfile = str(context / f"{file}.Dockerfile")
    there = builder.find()
    loading = ["--load"] if there.kind == "buildx" else []
    _run([*there.command, *loading, "--quiet", "--file", dockerfile, "--tag", name, str(context)])


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv, env=builder.environment(builder.find()), capture_output=True, text=True, timeout=MAKE_SECONDS, check=False
    )
    if done.returncode:
        raise ReleaseRefused.because(
            f"a base image could not be made: exit code {done.returncode}\n{done.stderr[-2000:]}",
            " ".join(argv[:3]),
            "see what the lines say; with a registry in reach the official images are pulled instead",
        )
