"""A container lives as long as a `with` block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.config.suites import Limits
from tasks.containers.engine import RUN_LABEL, engine, quietly, run_id
from tasks.containers.limits import confined, enforced, logged, volumes
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.failpoints import reach

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network


@contextmanager
def running(
    image: str,
    network: "Network",
    *,
    alias: str,
    env: Mapping[str, str] | None = None,
    command: list[str] | None = None,
    tmpfs: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Iterator["Container"]:
    """A container that serves beside others under `alias`; killed and removed at the end of the block.

    With `limits` the volumes that its image declares are in memory, and begin empty.
    """
    with created(image, network, alias=alias, env=env, command=command, tmpfs=tmpfs, limits=limits) as container:
        start(container)
        yield container


@contextmanager
def created(
    image: str,
    network: "Network",
    *,
    alias: str,
    env: Mapping[str, str] | None,
    command: list[str] | None,
    tmpfs: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    alone: bool = False,
    stdin: bool = False,
) -> Iterator["Container"]:
    """A container that is not started yet; killed and removed at the end of the block.

    `alone`: it runs one command that is followed by whoever started it, and serves nobody.
    Raises `ReleaseRefused` when this Engine has no such image.
    """
    from docker.errors import APIError, ImageNotFound

    client = engine()
    try:
        container = client.containers.create(
            image,
            command,
            environment=dict(env or {}),
            labels={RUN_LABEL: run_id()},
            network=network.name,
            networking_config={network.name: client.api.create_endpoint_config(aliases=[alias])},
            tmpfs={**(volumes(image, limits) if limits else {}), **(tmpfs or {})},
            stdin_open=stdin,
            use_config_proxy=False,  # else what Docker's configuration says of the worker's proxy, a login perhaps
            **enforced(limits or Limits()),
            **logged(not alone),
            **(confined() if alone else {}),
        )
    except ImageNotFound as error:
        raise ReleaseRefused.because(
            f"there is no image {image}",
            "the Docker Engine of this worker",
            f"docker pull {image}, or correct the name in release.yaml",
        ) from error
    except APIError as error:
        raise ServiceUnavailable.because(
            f"a container could not be made: {error}", image, "see the Docker Engine's log"
        ) from error
    reach("container:made")
    try:
        yield container
    finally:
        quietly(lambda: container.remove(force=True, v=True))
        reach("container:removed")


def start(container: "Container") -> None:
    """Starts it. Raises `ReleaseRefused` when its command or user cannot be run."""
    from docker.errors import APIError

    try:
        container.start()
    except APIError as error:
        raise ReleaseRefused.because(
            f"a container did not start: {error.explanation or error}",
            str(container.image),
            "mend its command or its user",
        ) from error
    reach("container:started")
