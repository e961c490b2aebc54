"""Reads an image back out of its registry, byte for byte as far as its manifests go, before anything depends on it."""

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Any

from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.images import registry
from tasks.images.registry_api import DIGEST, Repository

log = logging.getLogger(__name__)


def require_whole(name: str, image: str, digest: str) -> None:
    """Raises `ServiceUnavailable` when the registry does not hand out what was pushed; pushing again may mend it."""
    if problem := what_is_wrong(image, digest):
        raise ServiceUnavailable.because(
            f"{name}: the registry does not have what was pushed: {problem}",
            f"{image}@{digest}",
            "see the registry's log and its disk, then retry the run: it pushes again",
        )


def what_is_wrong(image: str, digest: str) -> str:
    """The first part of the image that is missing or other than its digest says; '' when all is there.

    Where this process cannot ask the registry itself the Engine is asked, which has mirrors, proxies and certificates of its own.
    """
    try:
        with Repository(image) as repository:
            return next(_problems(repository, digest), "")
    except SlipwayError as error:
        log.info("%s: the registry is asked by way of the Engine: %s", image, error.reasons[0].what)
        return "" if registry.find(f"{image}@{digest}") == digest else "its manifest is missing"


def _problems(repository: Repository, digest: str) -> Iterator[str]:
    content = repository.content(digest)
    if content is None:
        yield f"the manifest {digest} is missing"
        return
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        yield f"other content stands under {digest}"
        return
    try:
        blobs, children = _parts(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield f"the manifest {digest} cannot be read"
        return
    yield from (f"the blob {blob} is missing" for blob in blobs if not repository.has_blob(blob))
    for child in children:
        yield from _problems(repository, child)


def _parts(manifest: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Digests of configuration and layers, and of an index's children. Layers that stand elsewhere (`urls`) are not the registry's."""
    config = [manifest["config"]] if "config" in manifest else []
    layers = [layer for layer in manifest.get("layers") or () if not layer.get("urls")]
    blobs, children = (
        [part["digest"] for part in parts] for parts in ([*config, *layers], manifest.get("manifests") or ())
    )
    if not all(DIGEST.fullmatch(digest) for digest in (*blobs, *children)):
        raise ValueError("no digest")
    return blobs, children
