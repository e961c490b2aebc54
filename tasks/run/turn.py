"""A queue for each GitOps repository, on all machines, in front of the push that keeps the order by itself."""

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

log = logging.getLogger(__name__)
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.2
LEASE_SECONDS = 60  # the server's least: so long is the queue blocked by a holder that was killed
TAKEN = 423


def limit_of(repository: str) -> str:
    """Name of the global concurrency limit of those who write there."""
    return f"gitops-{hashlib.sha256(repository.encode()).hexdigest()[:12]}"


@contextmanager
def turn(repository: str) -> Iterator[None]:
    """A place among those who write there: one slot of a global concurrency limit of the Prefect server.

    A courtesy that saves tries: who has waited long enough goes on without one, and so does who gets no answer at once (a
    server on SQLite says 503 when it is busy). A ring is written long before the lease ends, so it is not renewed.
    """
    name = limit_of(repository)
    with get_client(sync_client=True) as client:
        lease = _lease(client, name)
        try:
            yield
        finally:
            _give_back(client, lease)


def _lease(client: Any, name: str) -> UUID | None:
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            _make_limit(client, name)
            while time.monotonic() < deadline:
                if (lease := _slot(client, name)) is not None:
                    return lease
                time.sleep(POLL_SECONDS)
        log.info("others have been writing for %g s; going on without a turn", WAIT_SECONDS)
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        log.info("going on without a turn: %s", str(error).partition(" for url")[0])
    return None


def _make_limit(client: Any, name: str) -> None:
    with suppress(ObjectAlreadyExists):  # made by another release at the same moment
        client.upsert_global_concurrency_limit_by_name(name, 1)


def _slot(client: Any, name: str) -> UUID | None:
    """The lease of the one slot; None while somebody else has it."""
    try:
        answer = client.increment_concurrency_slots_with_lease([name], 1, "concurrency", LEASE_SECONDS)
    except PrefectHTTPStatusError as error:
        if error.response.status_code == TAKEN:
            return None
        raise
    return UUID(answer.json()["lease_id"])


def _give_back(client: Any, lease: UUID | None) -> None:
    try:
        if lease:
            client.release_concurrency_slots_with_lease(lease)
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        log.info("the turn ends by itself in %d s: %s", LEASE_SECONDS, error)
