"""What a commit changes, measured against the newest release that any customer runs."""

import logging

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.models import Changes, ComponentChange, Customer, Fleet, ReleaseRequest, Source

log = logging.getLogger(__name__)


def find_changes(config: Config, source: Source, fleet: Fleet) -> Changes:
    """Compares each component's tree id with the one last released; without a release everything has changed."""
    mirror = Mirror.holding(config.app.repository, config.app.branch, source.commit)
    last = _newest_release(mirror, fleet)
    components = tuple(_compare(name, source.trees[c.path], last) for name, c in config.components.items())
    changed = [c.name for c in components if c.changed]
    tests_changed = bool(config.e2e and not (last and _same_tests(mirror, config, source, last)))
    log.info(
        "changed since %s: %s",
        last.release[:7] if last and last.release else "nothing",
        ", ".join(changed) or "nothing",
    )
    reach("changes:found")
    return Changes(
        base=last.release if last else None,
        components=components,
        end_to_end=bool(config.e2e) and (bool(changed) or tests_changed),
    )


def newest_release(config: Config, fleet: Fleet) -> ReleaseRequest:
    """The newest release that any customer runs, as a request. Raises `ReleaseRefused` before the first one."""
    mirror = Mirror.open(config.app.repository)
    mirror.fetch(config.app.branch)
    last = _newest_release(mirror, fleet)
    if last is None or last.release is None:
        raise ReleaseRefused.because(
            "no customer has a release yet", config.gitops.repository, "release once; then there is something to test"
        )
    return ReleaseRequest(commit=last.release)


def _newest_release(mirror: Mirror, fleet: Fleet) -> Customer | None:
    """The customer whose release descends from all others'; releases that main no longer has do not count."""
    running = {c.release: c for c in reversed(fleet.customers) if c.release}  # a thousand customers run a few releases
    newest: Customer | None = None
    for release, customer in running.items():
        if mirror.has_commit(release) and (newest is None or mirror.is_ancestor(newest.release or "", release)):
            newest = customer
    return newest


def _compare(name: str, tree: str, last: Customer | None) -> ComponentChange:
    deployed = last.components.get(name) if last else None
    same = deployed is not None and deployed.tree == tree
    return ComponentChange(name=name, tree=tree, changed=not same, released=deployed if same else None)


def _same_tests(mirror: Mirror, config: Config, source: Source, last: Customer) -> bool:
    path = config.e2e.path if config.e2e else ""
    return mirror.tree(last.release or "", path) == source.trees[path]
