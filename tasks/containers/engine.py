"""The Docker Engine, the real one through its SDK; what is made there carries the run's label, so that it is found again."""

import logging
import os
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from tasks.errors import ReleaseRefused, ServiceUnavailable

if TYPE_CHECKING:
    import docker

log = logging.getLogger(__name__)
RUN_LABEL = "slipway.run"


@cache
def engine() -> "docker.DockerClient":
    """The Docker Engine. Raises `ServiceUnavailable` saying where it was looked for and how to start it."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        raise ServiceUnavailable.because(
            f"no Docker Engine: {error}", where, "start it (`systemctl start docker`, or `dockerd`), or set DOCKER_HOST"
        ) from error
    return client


def run_id() -> str:
    """What containers of this run are labelled with: the Prefect flow run, or this process outside of one."""
    return os.environ.get("PREFECT__FLOW_RUN_ID") or f"process-{os.getpid()}"


def have(image: str) -> None:
    """Pulls the image unless this Engine has it.

    Raises `ReleaseRefused` when the registry has none of that name or keeps it from us, `ServiceUnavailable` when it does not answer.
    """
    from docker.errors import APIError, ImageNotFound, NotFound

    try:
        engine().images.get(image)
    except ImageNotFound:
        try:
            _pull(image)
        except NotFound as error:
            raise ReleaseRefused.because(
                f"there is no such image, or it may not be pulled: {error.explanation or error}",
                image,
                "correct its name, or log in to its registry",
            ) from error
        except APIError as error:
            raise _not_pulled(image, str(error.explanation or error)) from error


def _pull(image: str) -> None:
    """Pulls it. What goes wrong on the way is a line of the Engine's answer, which began well."""
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    for line in engine().api.pull(repository, tag or "latest", stream=True, decode=True):
        if "error" in line:
            raise _not_pulled(image, line["error"])


def _not_pulled(image: str, because: str) -> ServiceUnavailable:
    return ServiceUnavailable.because(f"cannot be pulled: {because}", image, "check the registry")


def answering(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same step; that the Engine goes away under it is `ServiceUnavailable`, whichever of its many calls meets that."""

    @wraps(step)
    def asked(*arguments: Any, **named: Any) -> Any:
        from docker.errors import APIError, DockerException
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        try:
            return step(*arguments, **named)
        except (RequestException, HTTPError, DockerException) as error:
            if isinstance(error, APIError) and not error.is_server_error():
                raise
            raise ServiceUnavailable.because(
                f"the Docker Engine did not answer: {error}", "this worker's Docker Engine", "see its log, then retry"
            ) from error

    return asked


def quietly(clean_up: Callable[[], object]) -> None:
    """Cleaning up must not hide why it was needed, also without an Engine; what stays is logged and found by its label."""
    from docker.errors import DockerException, NotFound
    from requests import RequestException

    try:
        clean_up()
    except NotFound:
        return
    except (DockerException, RequestException, ServiceUnavailable) as error:
        log.warning("left behind: %s", error)
