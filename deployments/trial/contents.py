"""What a checkout's content is called: the keys that a release has its images and its evidence by."""

import logging

from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.images import bases, registry
from tasks.models import Changes, ComponentChange, Image, Source
from tasks.source import content

log = logging.getLogger(__name__)


def changes(config: Config, source: Source) -> Changes:
    """Every component with its content key, as if nothing was released yet."""
    made = content.made_of(config, source)
    digests = content.known(source, bases.digests(content.images(config, made)))
    keys = content.keys(source, made, digests)
    components = tuple(
        ComponentChange(name=name, tree=source.trees[component.path], key=keys[name], changed=True)
        for name, component in config.components.items()
    )
    return Changes(
        base=None,
        components=components,
        end_to_end=bool(config.e2e),
        end_to_end_key=keys.get(content.END_TO_END, ""),
        digests=digests,
    )


def registered(config: Config, source: Source, tried: Changes) -> list[Image]:
    """The image that a release has made of each component's content; none unless the registry has all of them."""
    images = []
    for change in tried.components:
        repository = config.components[change.name].image
        try:
            digest = registry.find(f"{repository}:{change.tag}")
        except SlipwayError as error:
            log.warning("%s: its registry is not asked: %s", change.name, error.reasons[0].what)
            return []
        if not digest:
            return []
        images.append(
            Image(
                component=change.name,
                repository=repository,
                digest=digest,
                revision=source.commit,
                tree=change.tree,
                key=change.key,
                built=False,
                seconds=0,
            )
        )
    return images
