"""A queue for each GitOps repository, on all machines, in front of the push that keeps the order by itself."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect import get_client
from prefect.concurrency.sync import concurrency

log = logging.getLogger(__name__)
WAIT_SECONDS = 5
# A missing limit is an error. A lease that cannot be renewed is not: the push behind it is safe without.
LEASE: dict[str, Any] = {"occupy": 1, "strict": True, "lease_duration": 60, "raise_on_lease_renewal_failure": False}


@contextmanager
def turn(repository: str) -> Iterator[None]:
    """A place among those who write there. A courtesy that saves tries: who has waited long enough goes on without one."""
    name = f"gitops-{hashlib.sha256(repository.encode()).hexdigest()[:12]}"
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    with ExitStack() as stack:
        try:
            stack.enter_context(concurrency(name, timeout_seconds=WAIT_SECONDS, **LEASE))
        except TimeoutError:
            log.info("others write to %s for %d s; going on without a turn", repository, WAIT_SECONDS)
        yield
