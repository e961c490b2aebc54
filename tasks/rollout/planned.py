"""What a customer is expected to run: the release's images, as its cluster names them."""

from collections.abc import Iterable, Mapping

from tasks.config.model import Config
from tasks.errors import ConfigInvalid
from tasks.models import Release


def planned_digests(release: Release, components: Iterable[str], section: str) -> dict[str, str]:
    """Component -> planned digest. Raises `ConfigInvalid` for a component that the release does not have."""
    known = {image.component: image.digest for image in release.images}
    if unknown := sorted(set(components) - set(known)):
        raise ConfigInvalid.because(
            f"{section} names {', '.join(unknown)}", "release.yaml", f"components are {', '.join(sorted(known))}"
        )
    return {component: known[component] for component in components}


def planned_images(
    config: Config, release: Release, components: tuple[str, ...], names: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Component -> (repository as pods name it, planned digest); of all components when none are named."""
    wanted = components or tuple(image.component for image in release.images)
    digests = planned_digests(release, {*wanted, *names}, "rollout.argocd")
    return {c: (names.get(c, config.components[c].image), digests[c]) for c in wanted}
