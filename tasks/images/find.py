"""Finds the image that a component's content has already: released before, or in the registry under its key."""

from tasks.config.model import Config
from tasks.images import registry
from tasks.models import ComponentChange, Image


def find_image(config: Config, change: ComponentChange) -> Image | None:
    """The image of this content, or None when it is to be built. Raises `ServiceUnavailable` without a registry.

    What a customer runs is not even looked up; an image without the label that names its commit does not count.
    """
    repository = config.components[change.name].image
    if change.released:  # with the tag that it has, which is of an older kind in the state files of older versions
        found = change.released.model_dump()
    else:
        digest = registry.find(f"{repository}:{change.tag}") or ""
        revision = registry.revision(f"{repository}@{digest}") or "" if digest else ""
        if not digest or not revision:
            return None
        found = {"digest": digest, "revision": revision, "tree": change.tree, "key": change.key}
    return Image(component=change.name, repository=repository, built=False, seconds=0, **found)
