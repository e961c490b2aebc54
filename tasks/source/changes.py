"""What a commit changes, measured against the newest release that any customer runs."""

import logging
from collections.abc import Mapping

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.models import Changes, ComponentChange, Customer, Fleet, ReleaseRequest, Source
from tasks.source import content
from tasks.source.content import Made

log = logging.getLogger(__name__)


def find_changes(
    config: Config, source: Source, fleet: Fleet, made: Mapping[str, Made], digests: Mapping[str, str]
) -> Changes:
    """Compares each component's content with the one last released; without a release everything has changed.

    `digests`: of the images that `content.images` names, empty where one is not known.
    """
    mirror = Mirror.holding(config.app.repository, config.app.branch, source.commit)
    last, digests = _newest_release(mirror, fleet), content.known(source, digests)
    keys = content.keys(source, made, digests)
    components = tuple(_compare(mirror, config, source, name, keys[name], last) for name in config.components)
    changed = [c for c in components if c.changed]
    for change in changed:
        log.info("%s has changed: %s", change.name, change.because)
    tests_changed = bool(config.e2e and not (last and _same_tests(mirror, config, source, last)))
    reach("changes:found")
    return Changes(
        base=last.release if last else None,
        components=components,
        end_to_end=bool(config.e2e) and (bool(changed) or tests_changed),
        end_to_end_key=keys.get(content.END_TO_END, ""),
        digests=digests,
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


def _compare(
    mirror: Mirror, config: Config, source: Source, name: str, key: str, last: Customer | None
) -> ComponentChange:
    """State files of older versions hold no key: there the trees decide, as they did then."""
    component = config.components[name]
    tree = source.trees[component.path]
    deployed = last.components.get(name) if last else None
    touched = [p for p in component.paths if not last or mirror.tree(last.release or "", p) != source.trees[p]]
    same_trees = bool(deployed) and deployed.tree == tree and set(touched) <= {component.path}
    same = deployed.key == key if deployed and deployed.key else same_trees
    because = _because(touched, deployed is not None) if not same else ""
    return ComponentChange(
        name=name, tree=tree, key=key, changed=not same, because=because, released=deployed if same else None
    )


def _because(touched: list[str], released: bool) -> str:
    if not released:
        return "it was not released yet"
    return ", ".join(touched) if touched else "its base images or its build settings are others"


def _same_tests(mirror: Mirror, config: Config, source: Source, last: Customer) -> bool:
    paths = config.e2e.paths if config.e2e else ()
    return all(mirror.tree(last.release or "", path) == source.trees[path] for path in paths)
