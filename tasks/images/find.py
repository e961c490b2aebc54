"""Finds the image that a component's content has already: released before, or in the registry under its tree."""

from tasks.config.model import Config
from tasks.images import registry
from tasks.models import ComponentChange, Image


def find_image(config: Config, change: ComponentChange) -> Image | None:
    """The image of this content, or None when it is to be built. Raises `ServiceUnavailable` without a registry.

    What a customer runs is not even looked up; an image without the label that names its commit does not count.
    """
    repository = config.components[change.name].image
    if change.released:
        digest, revision = change.released.digest, change.released.revision
    else:
        digest = registry.find(f"{repository}:{tag_of(change)}") or ""
        revision = registry.revision(f"{repository}@{digest}") or "" if digest else ""
    if not digest or not revision:
        return None
    return Image(
        component=change.name,
        repository=repository,
        digest=digest,
        revision=revision,
        tree=change.tree,
        built=False,
        seconds=0,
    )


def tag_of(change: ComponentChange) -> str:
    """The tag to find an image by; it is deployed by digest."""
    return f"tree-{change.tree}"
