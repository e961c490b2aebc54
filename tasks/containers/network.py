"""Private networks: containers of one suite or check see each other and nothing else."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.containers.engine import RUN_LABEL, engine, quietly, run_id
from tasks.errors import ServiceUnavailable
from tasks.failpoints import reach

if TYPE_CHECKING:
    from docker.models.networks import Network


@contextmanager
def private_network(purpose: str) -> Iterator["Network"]:
    """A network without a way out, for one suite or check; gone at the end of the block.

    Raises `ServiceUnavailable` when the Engine has no addresses left for it.
    """
    network = _create_network(f"slipway-{purpose}-{secrets.token_hex(4)}")
    reach("network:made")
    try:
        yield network
    finally:
        quietly(network.remove)
        reach("network:removed")


def _create_network(name: str) -> "Network":
    from docker.errors import APIError

    try:
        return engine().networks.create(name, driver="bridge", internal=True, labels={RUN_LABEL: run_id()})
    except APIError as error:
        raise ServiceUnavailable.because(
            f"a private network cannot be made: {error.explanation or error}",
            name,
            "`docker network prune` removes those that nobody uses; for more than some thirty at once set "
            "default-address-pools in the Engine's daemon.json",
        ) from error
