"""Looks images up in their registry, by way of the Docker Engine, which has the credentials and knows the mirrors."""

from tasks.containers import engine
from tasks.errors import ServiceUnavailable

REVISION_LABEL = "org.opencontainers.image.revision"


def find(reference: str) -> str | None:
    """Digest behind `repository:tag` or `repository@digest`; None when the registry says it has no such image.

    Raises `ServiceUnavailable` when the registry does not answer.
    """
    from docker.errors import APIError, NotFound

    try:
        return engine().images.get_registry_data(reference).id
    except NotFound:
        return None
    except APIError as error:
        # The Engine answers 500 for some registries' 404 and passes their words on.
        text = str(error.explanation or error)
        if "manifest unknown" in text or "name unknown" in text:
            return None
        raise ServiceUnavailable.because(
            f"the registry did not answer: {text}", reference, "check the address, that it runs, and `docker login`"
        ) from error


def push(repository: str, tag: str) -> str:
    """Pushes a local image and returns the digest that the registry gave it, from the push's own answer."""
    from docker.errors import APIError

    digest, problem = "", ""
    try:
        for line in engine().api.push(repository, tag, stream=True, decode=True):
            digest = line.get("aux", {}).get("Digest", digest)
            problem = line.get("error", problem)
    except APIError as error:
        problem = str(error)
    if problem or not digest:
        raise ServiceUnavailable.because(
            f"the push did not end well: {problem or 'no digest in the answer'}",
            f"{repository}:{tag}",
            "check that the registry runs, has room, and `docker login`",
        )
    return digest


def revision(reference: str) -> str | None:
    """The commit an image says it was built from; the image is pulled when this Engine does not have it."""
    from docker.errors import ImageNotFound

    images = engine().images
    try:
        image = images.get(reference)
    except ImageNotFound:
        image = images.pull(reference)
    return image.labels.get(REVISION_LABEL)
