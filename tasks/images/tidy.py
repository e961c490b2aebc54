"""Images that releases left on this Engine: one for each content that was built or tested, and Docker removes none by itself."""

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.config.model import Config
from tasks.containers import engine
from tasks.images.lock import held
from tasks.images.unused import OURS

log = logging.getLogger(__name__)
KEPT = timedelta(days=14)
"""So long after the last release that built or tested with it. One that is wanted again is built or pulled again."""


def remove_unused(config: Config, before: datetime | None = None) -> int:
    """Removes the app's own images (of components by their tags, and of tests) that no release has used since; returns how many names.

    `before` is two weeks ago if it is not given. What a container is made of stays, as does every name that is not ours.
    """
    before = before or datetime.now(UTC) - KEPT
    return sum(_remove(name, before) for name in list(_names(config, before)))


def _names(config: Config, before: datetime) -> Iterator[str]:
    """Names of ours whose image is that old; when it was last used is not in the list."""
    ours = [f"{_tests(config)}*", *_components(config)]
    for image in engine().api.images(filters={"reference": ours}):
        if image["Created"] < before.timestamp():
            yield from (name for name in image["RepoTags"] or () if name != "<none>:<none>" and _is_ours(config, name))


def _is_ours(config: Config, name: str) -> bool:
    """An image may have names of others, too, also in a component's repository."""
    repository, _, tag = name.rpartition(":")
    return repository.startswith(_tests(config)) or repository in _components(config) and bool(OURS.fullmatch(tag))


def _tests(config: Config) -> str:
    return f"slipway/{config.app.name}-"


def _components(config: Config) -> set[str]:
    """As the Engine lists them: without the registry that it means when none is named."""
    images = (component.image for component in config.components.values())
    return {image.removeprefix("docker.io/").removeprefix("library/") for image in images}


def _remove(name: str, before: datetime) -> bool:
    """Whether it was removed. Nobody may build or take it meanwhile; who takes up a test image gives it its name again (`build.py`)."""
    from docker.errors import APIError, ImageNotFound

    with held(name):
        try:
            if _last_used(engine().images.get(name)) >= before:
                return False
            engine().images.remove(name)
        except ImageNotFound:  # another run tidies, too
            return False
        except APIError as error:
            log.debug("%s stays: %s", name, error.explanation)
            return False
    log.info("%s: removed, no release has used it for two weeks", name)
    return True


def _last_used(image: Any) -> datetime:
    """When it got a name last, which every build, pull and use does. The Engine tells nanoseconds, Python knows microseconds."""
    told = re.sub(r"(\.\d{6})\d*", r"\1", image.attrs["Metadata"].get("LastTagTime") or image.attrs["Created"])
    return datetime.fromisoformat(told)
