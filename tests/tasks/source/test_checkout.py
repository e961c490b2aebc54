"""A commit is released only when main has been at it and it has everything that release.yaml names."""

from collections.abc import Callable

import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.models import ReleaseRequest
from tasks.source.checkout import check_out


def config_for(url: str) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": url},
            "components": {"api": {"path": "api", "image": "registry.example.no/shop/api", "run": {"port": 80}}},
            "gitops": {"repository": url, "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


def assert_refused(config: Config, commit: str, *told: str) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        check_out(config, ReleaseRequest(commit=commit))
    for part in told:
        assert part in str(caught.value)


def test_a_commit_on_main_comes_with_its_trees(repository: Callable) -> None:
    app = repository("app")
    first = app.commit({"api/main.py": "1"}, "first | line")
    second = app.commit({"README.md": "x"}, "docs")
    config = config_for(app.url)
    assert (
        check_out(config, ReleaseRequest(commit=first)).trees == check_out(config, ReleaseRequest(commit=second)).trees
    )
    assert check_out(config, ReleaseRequest(commit=first)).subject == "first | line"


def test_an_unknown_commit_is_refused(repository: Callable) -> None:
    app = repository("app")
    app.commit({"api/main.py": "1"})
    assert_refused(config_for(app.url), "0123456789" * 4, "is not known", app.url)


def test_a_commit_that_is_not_on_main_is_refused(repository: Callable) -> None:
    app = repository("app")
    app.commit({"api/main.py": "1"})
    app.git("checkout", "--quiet", "-b", "feature")
    side = app.commit({"api/main.py": "2"}, branch="feature")
    app.git("push", "--quiet", "origin", f"{side}:refs/heads/elsewhere")
    config = config_for(app.url)
    from tasks.git import Mirror

    Mirror.open(app.url).fetch("elsewhere")
    assert_refused(config, side, "is not on main", "merge it")


def test_a_commit_inside_a_merged_branch_was_never_main(repository: Callable) -> None:
    app = repository("app")
    app.commit({"api/main.py": "1"})
    app.git("checkout", "--quiet", "-b", "feature")
    side = app.commit({"api/main.py": "2"}, branch="feature")
    app.git("checkout", "--quiet", "main")
    app.git("merge", "--quiet", "--no-ff", "-m", "merge", "feature")
    merge = app.commit({}, "after the merge")
    assert_refused(config_for(app.url), side, "is not on main")
    assert check_out(config_for(app.url), ReleaseRequest(commit=merge)).commit == merge


def test_a_missing_folder_is_named(repository: Callable) -> None:
    app = repository("app")
    commit = app.commit({"README.md": "x"})
    assert_refused(config_for(app.url), commit, "there is no api in the app")


def test_a_remote_that_is_not_there_is_transient_and_named(tmp_path: object) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        check_out(config_for(f"{tmp_path}/nowhere.git"), ReleaseRequest(commit="0" * 40))
    assert f"{tmp_path}/nowhere.git" in str(caught.value)


def test_a_branch_named_like_an_option_cannot_reach_git() -> None:
    with pytest.raises(ValueError, match="branch"):
        Config.model_validate(
            {**config_for("/x").model_dump(), "app": {"name": "shop", "repository": "/x", "branch": "--upload-pack"}}
        )


def test_a_component_may_be_the_whole_repository(repository: Callable) -> None:
    app = repository("app")
    commit = app.commit({"Dockerfile": "FROM scratch\n"})
    config = config_for(app.url)
    api = config.components["api"].model_validate({**config.components["api"].model_dump(), "path": "."})
    whole = config.model_copy(update={"components": {"api": api}})
    assert check_out(whole, ReleaseRequest(commit=commit)).trees == {".": app.git("rev-parse", "HEAD^{tree}")}
