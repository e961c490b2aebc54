"""Looks images up in their registry, by way of the Docker Engine, which has the credentials and knows the mirrors."""

import logging
import re
import time
from contextlib import closing
from typing import Any

from tasks.containers import engine
from tasks.errors import RateLimited, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.images.registry_api import Repository, rate_limited, retry_after
from tasks.settled import require_needed

log = logging.getLogger(__name__)
PUSHES = 4
PUSHED = re.compile(r"\S+: digest: (sha256:[0-9a-f]{64}) size: \d+")
PAUSE_SECONDS = 5.0
"""Between two pushes where a registry is busy and does not say for how long."""
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
    """Pushes a local image and returns the digest that the registry gave it, from the push's own answer.

    Waits as long as a registry asks that wants fewer requests, some times. Raises `RateLimited` then, `ReleaseRefused` where only a
    person can help (no right, no room), `NotNeeded` when the verdict is settled meanwhile, else `ServiceUnavailable`.
    """
    for attempt in range(1, PUSHES + 1):
        digest, problem = _push(repository, tag)
        if digest and not problem:
            return digest
        error = refused_push(f"{repository}:{tag}", problem or "no digest in the answer")
        if not isinstance(error, RateLimited) or attempt == PUSHES:
            raise error
        _wait(repository, error)
    raise AssertionError("the last attempt returns or raises")


def _push(repository: str, tag: str) -> tuple[str, str]:
    """(digest, problem) as the Engine tells them, line by line."""
    from docker.errors import APIError

    digest, problem = "", ""
    try:
        with closing(engine().api.push(repository, tag, stream=True, decode=True)) as lines:
            for line in lines:
                require_needed(f"push {repository}")  # an Engine that is not listened to any more ends the push
                digest = digest_of(line) or digest
                problem = line.get("error", problem)
    except APIError as error:
        problem = str(error.explanation or error)
    return digest, problem


def digest_of(line: dict[str, Any]) -> str:
    """The digest in one line of a push's answer: an Engine that keeps images in containerd says it in words only."""
    said = PUSHED.fullmatch(str(line.get("status", "")))
    return str(line.get("aux", {}).get("Digest", "")) or (said[1] if said else "")


def refused_push(where: str, said: str) -> SlipwayError:
    """What a registry's no to a push means, and what helps."""
    host = where.partition("/")[0]
    if re.search("toomanyrequests|429 Too Many", said):
        return rate_limited(where, retry_after(""))
    if re.search("denied|unauthorized|authentication required|no basic auth|insufficient_scope|403 Forbidden", said):
        return ReleaseRefused.because(
            f"the registry does not take the push: {said}", where, f"`docker login {host}` with the right to push there"
        )
    if re.search("507|Insufficient Storage|no space left|quota|HTTP 413|413 Request Entity", said, re.IGNORECASE):
        return ReleaseRefused.because(
            f"the registry is full: {said}",
            where,
            "make room there (`nightly.unused_images: delete` helps, then its own garbage collection), then retry the run",
        )
    if re.search("unknown blob|blob unknown", said):
        return ServiceUnavailable.because(
            f"the registry has lost a layer: {said}", where, "see its storage, then retry the run: it pushes again"
        )
    return ServiceUnavailable.because(
        f"the push did not end well: {said}", where, "check that the registry runs, has room, and `docker login`"
    )


def _wait(repository: str, error: RateLimited) -> None:
    """As long as the registry asks: the Engine passes the word on, not the time, so that it is asked for once more."""
    seconds = error.retry_after_seconds
    try:
        with Repository(repository) as asked:
            asked.manifest("latest")
        seconds = PAUSE_SECONDS
    except RateLimited as limited:
        seconds = limited.retry_after_seconds
    except SlipwayError:
        pass
    log.warning("%s: the registry wants fewer requests; %.0f s are waited for", repository, seconds)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        require_needed(f"push {repository}")
        time.sleep(min(0.5, seconds))


def revision(reference: str) -> str | None:
    """The commit an image says it was built from; the image is pulled when this Engine does not have it.

    None when it cannot be had: a registry that has lost a part of it still knows its name.
    """
    from docker.errors import APIError, ImageNotFound

    images = engine().images
    try:
        image = images.get(reference)
    except ImageNotFound:
        try:
            image = images.pull(reference)
        except APIError as error:
            log.warning("%s: it cannot be pulled: %s", reference, error.explanation or error)
            return None
    return image.labels.get(REVISION_LABEL)
