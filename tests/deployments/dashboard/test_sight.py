"""One look for many requests; what is known stays when a remote is away, with its age."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deployments.dashboard.matrix import make_matrix
from deployments.dashboard.sight import Seen, Sight
from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops.hold import hold
from tasks.models import Hold
from tests.deployments.dashboard.fleet import Fleet

ALL = [{"name": "all", "customers": "*"}]


@pytest.fixture
def small(tmp_path: Path) -> Fleet:
    """Two customers, one of which has the first of two releases."""
    fleet = Fleet(tmp_path / "world", ["bre", "dal"], ALL, ["one", "two"])
    Mirror.open(fleet.config.app.repository).fetch("main")
    fleet.names["all"] = ["bre"]
    fleet.promote(0, "all", fleet.now - 100)
    return fleet


def seen(sight: Sight) -> Seen:
    found = sight.now()
    assert found is not None
    return found


def states(fleet: Fleet, found: Seen) -> dict[str, str]:
    return {r.customer: r.state for r in make_matrix(fleet.config, found).rows}


def away(repository: Path) -> Callable[[], Any]:
    """Takes a remote away; returns what brings it back."""
    here, gone = Path(f"{repository}.git"), Path(f"{repository}.away")
    here.rename(gone)
    return lambda: gone.rename(here)


def test_many_requests_at_once_make_one_look(small: Fleet) -> None:
    sight = Sight(small.config, every_seconds=3600)
    with ThreadPoolExecutor(16) as crowd:
        found = list(crowd.map(lambda _: sight.now(), range(64)))
    assert sight.looks == 1
    assert all(f is found[0] and f is not None and f.ready for f in found)


def test_a_later_look_sees_what_was_written_meanwhile(small: Fleet) -> None:
    sight = Sight(small.config, every_seconds=0, patience_seconds=90)
    assert states(small, seen(sight)) == {"bre": "newest", "dal": "never released"}
    hold(small.config, ["bre"], Hold(reason="audit", owner="kari"))
    assert states(small, seen(sight))["bre"] == "held"
    assert [e.kind for e in (seen(sight).history or pytest.fail("no history")).events] == ["release", "hold"]


def test_a_remote_that_is_away_leaves_what_is_known_with_its_age(small: Fleet) -> None:
    sight = Sight(small.config, every_seconds=0, patience_seconds=90)
    before = seen(sight)
    back = away(small.gitops)
    found = seen(sight)
    assert (found.silent, found.at, found.fleet) == (True, before.at, before.fleet)
    assert found.notices == ("The GitOps repository does not answer.",)
    back()
    again = seen(sight)
    assert (again.silent, again.notices, again.at > before.at) == (False, (), True)


def test_a_start_while_the_remote_is_away_shows_what_was_fetched_before(small: Fleet) -> None:
    before = seen(Sight(small.config, patience_seconds=90))
    away(small.gitops)
    found = seen(Sight(small.config, patience_seconds=90))
    assert (found.silent, found.tip, found.fleet) == (True, before.tip, before.fleet)
    shutil.rmtree(Mirror.open(small.config.gitops.repository).directory)
    nothing = seen(Sight(small.config, patience_seconds=90))
    assert (nothing.ready, nothing.silent) == (False, True)
    assert make_matrix(small.config, nothing).headline == "No customers yet"


def test_without_the_apps_repository_all_but_subjects_and_distances_is_there(small: Fleet) -> None:
    away(small.app)
    shutil.rmtree(Mirror.open(small.config.app.repository).directory)
    found = seen(Sight(small.config, patience_seconds=90))
    assert states(small, found) == {"bre": "newest", "dal": "never released"}
    assert "The app's repository does not answer." in found.notices[0]
    row = next(r for r in make_matrix(small.config, found).rows if r.customer == "bre")
    assert (row.behind, row.cells[0].shown) == (None, small.commits[0][:7])


def changed(config: Config, section: str, **values: Any) -> Config:
    settings = config.model_dump(mode="json", by_alias=True)
    value = values.pop("to", None) or {**settings[section], **values}
    return Config.model_validate({**settings, section: value})


def test_a_branch_that_is_not_there_yet_is_said(small: Fleet) -> None:
    config = changed(small.config, "gitops", branch="nothing-yet")
    found = seen(Sight(config))
    assert found.notices == ("The GitOps repository has no branch nothing-yet.",)
    assert make_matrix(config, found).rows == ()


def test_a_ring_that_names_nobody_is_said_in_the_words_of_a_release(small: Fleet) -> None:
    config = changed(small.config, "rings", to=[{"name": "canary", "customers": ["oslo"]}, *ALL])
    assert seen(Sight(config)).notices == ("ring canary names oslo, which is not in the GitOps repository.",)


def test_no_address_of_a_repository_is_shown(small: Fleet) -> None:
    away(small.gitops), away(small.app)
    assert str(small.folder) not in " ".join(seen(Sight(small.config, patience_seconds=90)).notices)
