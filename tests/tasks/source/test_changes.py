"""What changed is measured by git trees against the newest release that any customer runs."""

from collections.abc import Callable

import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import Changes, Customer, Deployed, Fleet, ReleaseRequest, Source
from tasks.source import content
from tasks.source.changes import find_changes, newest_release
from tasks.source.checkout import check_out

DIGEST = "sha256:" + "a" * 64


def config_for(url: str) -> Config:
    component = {"image": "registry.example.no/shop/x", "run": {"port": 80}}
    target = [{"file": "{customer}.yaml", "path": "image"}]
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": url},
            "components": {"api": {"path": "api", **component}, "web": {"path": "web", **component}},
            "e2e": {"path": "e2e", "smoke": "true"},
            "gitops": {"repository": url, "targets": {"api": target, "web": target}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


def customer(name: str, config: Config, commit: str) -> Customer:
    source = check_out(config, ReleaseRequest(commit=commit))
    deployed = {c: Deployed(digest=DIGEST, revision=commit, tree=source.trees[c]) for c in config.components}
    return Customer(name=name, ring="all", release=commit, components=deployed)


def changes_of(config: Config, source: Source, fleet: Fleet, base: str = DIGEST) -> Changes:
    made = content.made_of(config, source)
    return find_changes(config, source, fleet, made, dict.fromkeys(content.images(config, made), base))


def changed(config: Config, commit: str, *customers: Customer) -> tuple[list[str], bool]:
    source = check_out(config, ReleaseRequest(commit=commit))
    found = changes_of(config, source, Fleet(tip="0" * 40, customers=customers))
    return [c.name for c in found.components if c.changed], found.end_to_end


def test_without_a_release_everything_has_changed(repository: Callable) -> None:
    app = repository("app")
    commit = app.commit({"api/a": "1", "web/a": "1", "e2e/a": "1"})
    assert changed(config_for(app.url), commit) == (["api", "web"], True)


def test_only_the_touched_component_has_changed(repository: Callable) -> None:
    app, config = repository("app"), None
    first = app.commit({"api/a": "1", "web/a": "1", "e2e/a": "1"})
    config = config_for(app.url)
    running = customer("bre", config, first)
    assert changed(config, app.commit({"api/a": "2"}), running) == (["api"], True)
    assert changed(config, app.commit({"api/a": "1", "README": "x"}), running) == ([], False)
    assert changed(config, app.commit({"e2e/a": "2"}), running) == ([], True)


def test_the_newest_release_counts_whatever_the_order_of_customers(repository: Callable) -> None:
    app = repository("app")
    first = app.commit({"api/a": "1", "web/a": "1", "e2e/a": "1"})
    second = app.commit({"api/a": "2"})
    config = config_for(app.url)
    old, new = customer("bre", config, first), customer("dal", config, second)
    for customers in ((old, new), (new, old)):
        assert newest_release(config, Fleet(tip="0" * 40, customers=customers)).commit == second
        assert changed(config, second, *customers) == ([], False)


def test_before_the_first_release_there_is_none_to_name(repository: Callable) -> None:
    app = repository("app")
    app.commit({"api/a": "1", "web/a": "1", "e2e/a": "1"})
    with pytest.raises(ReleaseRefused, match="no customer has a release yet"):
        newest_release(config_for(app.url), Fleet(tip="0" * 40, customers=()))
