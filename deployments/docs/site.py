"""Builds the documentation's site into `.site/`, and fails on what a reader would stumble over."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deployments.docs import mermaid_package

ROOT = Path(__file__).parents[2]
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


class SiteBroken(Exception):
    """The site has problems, a line each."""


class _Loader(yaml.SafeLoader):
    """Knows that mkdocs.yml names functions, and leaves them alone."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, suffix, _node: suffix)


def build(root: Path = ROOT) -> Path:
    """The folder of the site that was built. Raises `SiteBroken` for broken links and anchors, lost pages and pictures."""
    if found := problems(root):
        raise SiteBroken("\n".join(found))
    argv = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteBroken(_readable(done.stdout + done.stderr))
    site = root / settings(root)["site_dir"]
    shutil.copy(mermaid_package.script(), site)
    return site


def settings(root: Path) -> dict[str, Any]:
    """What mkdocs.yml says."""
    return dict(yaml.load((root / "mkdocs.yml").read_text(), _Loader))  # noqa: S506 - a SafeLoader


def problems(root: Path) -> list[str]:
    """What the builder does not see: pages without a place in the navigation, pictures that are not there, or nowhere shown."""
    docs = root / "docs"
    pages = {str(p.relative_to(docs)): p for p in docs.rglob("*.md")}
    named = list(_named(settings(root)["nav"]))
    shown = {p: set(pictures(p)) for p in [*pages.values(), *root.glob("*.md")]}
    there = {p.resolve() for p in docs.rglob("*.png")}
    return [
        *(f"docs/{page}: no place in mkdocs.yml, nav" for page in sorted(set(pages) - set(named))),
        *(f"mkdocs.yml, nav: there is no docs/{page}" for page in named if page not in pages),
        *(f"mkdocs.yml, nav: docs/{page} stands twice" for page in sorted({n for n in named if named.count(n) > 1})),
        *(f"{p.relative_to(root)}: there is no picture {one}" for p in sorted(shown) for one in shown[p] - there),
        *(
            f"{one.relative_to(root.resolve())}: no page shows it"
            for one in sorted(there - set().union(*shown.values()))
        ),
    ]


def pictures(page: Path) -> Iterator[Path]:
    """The pictures of the repository that a page shows."""
    for place in PICTURE.findall(page.read_text()):
        if "://" not in place:
            yield (page.parent / place).resolve()


def _named(nav: Any) -> Iterator[str]:
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [value] if isinstance(value, str) else _named(value)


def _readable(said: str) -> str:
    """The builder's warnings without colours and without its own traceback."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return plain.partition("Traceback")[0].strip()
