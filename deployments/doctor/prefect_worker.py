"""The work pool and its workers: without one that was seen lately a release waits and says nothing."""

import datetime
from collections.abc import Iterator

from deployments.doctor import prefect_server
from deployments.doctor.finding import Finding, ok, warning, wrong

AREA = "Prefect worker"
POOL = "slipway"
LATE = 3


def look() -> Iterator[Finding]:
    """The pool, who works for it, and whether runs wait that should run."""
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    prefect_server.require_access()
    with get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(POOL)
        except ObjectNotFound:
            yield wrong(AREA, f"there is no work pool {POOL}", "run `slipway server apply`")
            return
        if pool.is_paused:
            yield warning(
                AREA,
                f"the work pool {POOL} is paused: no run begins",
                f"prefect work-pool resume {POOL}; a worker that is stopped pauses it, and opens it when it is back",
            )
        yield _online(client.read_workers_for_work_pool(POOL))


def _online(workers: list) -> Finding:
    now = datetime.datetime.now(datetime.UTC)
    online = sorted(w.name for w in workers if str(getattr(w.status, "value", w.status)).upper() == "ONLINE")
    if online:
        return ok(AREA, f"{', '.join(online[:LATE])}{' and more' if len(online) > LATE else ''} online in pool {POOL}")
    seen = max((w.last_heartbeat_time for w in workers if w.last_heartbeat_time), default=None)
    ago = f", the last was seen {(now - seen).total_seconds() / 60:.0f} minutes ago" if seen else ""
    return wrong(
        AREA,
        f"no worker is online in pool {POOL}{ago}",
        f"`prefect worker start --pool {POOL}` starts one; see its log",
    )
