"""The Prefect server: reached, closed to strangers, of our version, and set up so that a restart harms no release."""

import os
from collections.abc import Iterator
from typing import Any

import httpx

from deployments import authentication
from deployments.doctor import clock
from deployments.doctor.finding import Finding, ok, warning, wrong
from tasks.errors import ReleaseRefused

AREA = "Prefect server"
IN_MEMORY = "memory"


def api_url() -> str:
    """Raises `ReleaseRefused` when no server is named."""
    from prefect.settings import PREFECT_API_URL

    if url := PREFECT_API_URL.value():
        return str(url)
    raise ReleaseRefused.because(
        "no Prefect server is named", "PREFECT_API_URL", "set it, such as http://server:4200/api"
    )


def auth_string() -> str | None:
    """Our credentials, `user:password`."""
    from prefect.settings import PREFECT_API_AUTH_STRING

    value = PREFECT_API_AUTH_STRING.value()
    return str(getattr(value, "get_secret_value", lambda: value)()) if value else None


def require_access() -> None:
    """Raises `SlipwayError` when there is no server, or none that takes our credentials: further questions would all fail."""
    authentication.version(api_url(), auth_string())


def look() -> Iterator[Finding]:
    """The server as strangers and as we see it."""
    url = api_url()
    yield _door(url)
    yield _version(authentication.version(url, auth_string()), url)
    yield from _settings(url)


def _door(url: str) -> Finding:
    if not authentication.is_open(url):
        return ok(AREA, "it asks for credentials")
    told = "it answers without credentials: anyone who reaches it can start releases and read every log"
    if os.environ.get(authentication.ALLOW) == "1":
        return warning(AREA, f"{told} ({authentication.ALLOW} is 1)", "see that nobody else reaches it")
    return wrong(AREA, told, "set PREFECT_SERVER_API_AUTH_STRING on the server and PREFECT_API_AUTH_STRING here")


def _version(theirs: str, url: str) -> Finding:
    import prefect

    if theirs != prefect.__version__:
        return wrong(
            AREA,
            f"{url} has version {theirs}, here is {prefect.__version__}",
            "bring both to the version of the lock file",
        )
    return ok(AREA, f"{url}, version {theirs}, as here")


def _settings(url: str) -> Iterator[Finding]:
    """The server tells its own settings, secrets left out, and its clock."""
    user, _, password = (auth_string() or "").partition(":")
    answer = httpx.get(f"{url}/admin/settings", auth=(user, password) if user else None, timeout=10)
    yield from clock.compare(AREA, "the Prefect server", answer.headers)
    if answer.status_code != httpx.codes.OK:
        yield warning(AREA, "it does not tell its settings", "see docs/production.md for those that a release needs")
        return
    server: dict[str, Any] = answer.json().get("server", {})
    yield from _leases(str(server.get("concurrency", {}).get("lease_storage", "")))
    if server.get("analytics_enabled"):
        yield warning(AREA, "it sends usage data to its maker", "set PREFECT_SERVER_ANALYTICS_ENABLED=false on it")
    yield from _database(server.get("database", {}))


def _leases(storage: str) -> Iterator[Finding]:
    if storage.rpartition(".")[2] == IN_MEMORY:
        yield wrong(
            AREA,
            "it keeps leases in memory: a restart of it would crash the release that runs",
            "set PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem on it",
        )
    elif storage:
        yield ok(AREA, f"leases outlive a restart ({storage.rpartition('.')[2]})")


def _database(database: dict[str, Any]) -> Iterator[Finding]:
    """The kind is told where it is set by itself; a whole URL is hidden, and SQLite is what a server has without either."""
    driver = str(database.get("driver") or "")
    if driver.startswith("postgresql"):
        yield ok(AREA, "its database is PostgreSQL")
    elif driver:
        step = "let it use PostgreSQL where webhooks come in (docs/production.md)"
        yield warning(AREA, f"its database is {driver}, which turns writers at the same moment away", step)
    else:
        yield ok(AREA, "which database it has is not told; SQLite turns writers at the same moment away")
