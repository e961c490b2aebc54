"""Words that the shell completes: out of release.yaml and what is on this machine already, never from a server."""

from tasks.errors import SlipwayError


def customers(incomplete: str) -> list[str]:
    """Customers that rings name, and those of the GitOps repository when it was last fetched."""
    from tasks.config.file import load_config

    try:
        config = load_config()
        named = [c for ring in config.rings if ring.customers != "*" for c in ring.customers]
        return _like(incomplete, [*named, *_fetched(config)])
    except (SlipwayError, OSError):
        return []


def _fetched(config: object) -> frozenset[str]:
    from tasks.git import GitFailed, Mirror
    from tasks.gitops.layout import Layout
    from tasks.gitops.tip import Tip

    mirror = Mirror.open(config.gitops.repository)  # type: ignore[attr-defined]
    try:
        tip = mirror.run("rev-parse", "--verify", f"refs/slipway/{config.gitops.branch}")  # type: ignore[attr-defined]
    except GitFailed:
        return frozenset()
    return Layout.of(config, Tip.read(config, tip)).names  # type: ignore[arg-type]


def suites(incomplete: str) -> list[str]:
    """Components, their suites, and the end-to-end suite."""
    from tasks.config.file import load_config

    try:
        config = load_config()
    except (SlipwayError, OSError):
        return []
    every = [name for c, it in config.components.items() for name in (c, *(f"{c}/{s}" for s in it.suites))]
    return _like(incomplete, [*every, *(["e2e"] if config.e2e else [])])


def gates(incomplete: str) -> list[str]:
    """Gates that a release may be asked to pass."""
    from typing import get_args

    from tasks.models import Gate

    return _like(incomplete, get_args(Gate))


def rules(incomplete: str) -> list[str]:
    """Names of migration rules."""
    from tasks.migrations.rules.every import RULES

    return _like(incomplete, [r.name for r in RULES])


def _like(incomplete: str, words: object) -> list[str]:
    return sorted({w for w in words if w.startswith(incomplete)})  # type: ignore[attr-defined]
