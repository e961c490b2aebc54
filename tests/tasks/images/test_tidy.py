"""Images of two weeks ago are removed from the real Engine; what somebody needs or has named himself is not."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from tasks.config.build import Build
from tasks.config.model import Config
from tasks.containers import engine
from tasks.images.build import build_image, build_target
from tasks.images.tidy import remove_unused

pytestmark = pytest.mark.usefixtures("base_images")
OTHERS = "somebody-elses/image:mine"


@pytest.fixture
def config(app: SimpleNamespace) -> Config:
    """An app of another name: the images of `shop` belong to tests that run beside these."""
    settings = app.config.model_dump(mode="json", by_alias=True)
    return Config.model_validate(settings | {"app": settings["app"] | {"name": "tidied"}})


@pytest.fixture
def images(app: SimpleNamespace, config: Config) -> Any:
    """A test image and a deployable image that were just built."""
    source, change = app.push(main_py="print('tidy')\n")
    names = [build_target(config, source, "api", Build(), "test"), f"{app.image}:{change.tag}"]
    build_image(config, source, change)
    yield SimpleNamespace(source=source, test=names[0], deployed=names[1])
    for name in (*names, OTHERS):
        try:
            engine().images.remove(name, force=True)
        except ImageNotFound:
            continue


def there(*names: str) -> list[bool]:
    known = {name for image in engine().api.images() for name in image["RepoTags"] or ()}
    return [name in known for name in names]


def test_what_was_used_within_two_weeks_stays_and_older_goes(config: Config, images: SimpleNamespace) -> None:
    assert remove_unused(config) == 0
    assert there(images.test, images.deployed) == [True, True]
    assert remove_unused(config, datetime.now(UTC)) == 2
    assert there(images.test, images.deployed) == [False, False]


def test_what_is_used_again_counts_from_then(config: Config, images: SimpleNamespace) -> None:
    built = datetime.now(UTC)
    assert build_target(config, images.source, "api", Build(), "test") == images.test
    assert remove_unused(config, built) == 1
    assert there(images.test, images.deployed) == [True, False]


def test_what_a_container_is_made_of_and_what_others_named_stays(config: Config, images: SimpleNamespace) -> None:
    by_hand = f"{images.deployed.rpartition(':')[0]}:hotfix"
    for name in (OTHERS, by_hand):
        engine().images.get(images.deployed).tag(name)
    container = engine().containers.create(images.test, "true")
    try:
        assert remove_unused(config, datetime.now(UTC) + timedelta(seconds=1)) == 1
    finally:
        container.remove(force=True)
    assert there(images.test, images.deployed, OTHERS, by_hand) == [True, False, True, True]
    engine().images.remove(by_hand, force=True)
