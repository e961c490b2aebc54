"""Mermaid itself, from npm: pinned by the lock file beside it, and kept outside git."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).with_name("mermaid")
NAME = "node_modules/@mermaid-js/tiny"
SECONDS = 300


def script() -> Path:
    """The program for browsers, installed by `npm ci` once. Raises `OSError` or `CalledProcessError` where npm cannot."""
    if _installed() != _wanted():
        _install()
    return HERE / NAME / "dist" / "mermaid.tiny.js"


def _wanted() -> str:
    return str(json.loads((HERE / "package-lock.json").read_text())["packages"][NAME]["version"])


def _installed() -> str:
    package = HERE / NAME / "package.json"
    return str(json.loads(package.read_text())["version"]) if package.exists() else ""


def _install() -> None:
    """Installs aside and moves it there whole: two tests may want it at once."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".npm-") as text:
        folder = Path(text)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, folder)
        argv = ["npm", "ci", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS)
        shutil.rmtree(HERE / "node_modules", ignore_errors=True)
        (folder / "node_modules").rename(HERE / "node_modules")
