"""What a Prefect server says of its own settings that would break releases, or slow them down."""

from typing import Any

from tasks.models import Reason, Value

IN_MEMORY = "prefect.server.concurrency.lease_storage.memory"
SLOW_SECONDS = 10


class Finding(Value):
    """A setting of the server that is not well; `blocking` when releases would break."""

    reason: Reason
    blocking: bool


def check(client: Any) -> list[Finding]:
    """Every finding on the server behind this client of Prefect."""
    import prefect

    settings = client.request("GET", "/admin/settings").raise_for_status().json()["server"]
    return [f for f in (_version(client.api_version(), prefect.__version__), *_settings(settings)) if f]


def _version(server: str, ours: str) -> Finding | None:
    if server == ours:
        return None
    return _finding(
        f"the server is Prefect {server}, this is {ours}", "/api/admin/version", f"run both with {ours}", False
    )


def _settings(server: dict[str, Any]) -> list[Finding | None]:
    leases = str(server["concurrency"]["lease_storage"])
    wait = float(server["deployments"]["concurrency_slot_wait_seconds"])
    services = server["services"]
    return [
        _finding(
            "the server keeps leases in memory: a restart of it crashes running releases, and no further one may begin",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
            "set it to prefect.server.concurrency.lease_storage.filesystem (or prefect_redis.lease_storage), then restart the server",
            True,
        )
        if leases == IN_MEMORY
        else None,
        _finding(
            "the server runs no automations: a crashed run would stay as it is",
            "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED",
            "set it to true, then restart the server",
            True,
        )
        if not services["triggers"]["enabled"]
        else None,
        _finding(
            "the server schedules nothing: the nightly run would not happen",
            "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED",
            "set it to true, then restart the server",
            True,
        )
        if not services["scheduler"]["enabled"]
        else None,
        _finding(
            f"a release that waits for another one begins up to {wait:g} s after its end",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS",
            "set it to 5, then restart the server",
            False,
        )
        if wait > SLOW_SECONDS
        else None,
    ]


def _finding(what: str, where: str, next_step: str, blocking: bool) -> Finding:
    return Finding(reason=Reason(what=what, where=where, next_step=next_step), blocking=blocking)
