"""Which image a name means now, as a build would take it: the Engine's own copy, else what its registry has."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from tasks.containers import engine
from tasks.errors import ServiceUnavailable
from tasks.images import registry

log = logging.getLogger(__name__)
AT_ONCE = 8


def digests(references: Iterable[str]) -> dict[str, str]:
    """Reference -> digest (of an image that was made on this Engine its id); empty where nobody could tell."""
    names = sorted(references)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # What is logged in a thread belongs to this run, too.
        asked = [pool.submit(copy_context().run, _digest, name) for name in names]
        return {name: future.result() for name, future in zip(names, asked, strict=True)}


def _digest(reference: str) -> str:
    name, _, pinned = reference.partition("@")
    if pinned or "$" in reference:
        return pinned
    try:
        return _local(name) or registry.find(name) or ""
    except ServiceUnavailable as error:
        log.warning("%s: %s", reference, str(error.reasons[0].what))
        return ""


def _local(name: str) -> str:
    """BuildKit in the Engine takes what is here before it asks a registry (moby, `ResolveModeDefault`)."""
    from docker.errors import APIError, ImageNotFound

    try:
        image = engine().images.get(name)
    except (ImageNotFound, APIError):
        return ""
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    pulled = (d.partition("@") for d in image.attrs.get("RepoDigests") or ())
    return next((digest for known, _, digest in pulled if known == repository), str(image.id))
