"""What the receiver does for runs because it is always there: the dead ones are given up, and no end stays silent."""

import logging
import os
import threading
from collections.abc import Sequence

from deployments.hooks.apps import HookedApp

log = logging.getLogger(__name__)
TELL_SECONDS = 60.0


def look_after(apps: Sequence[HookedApp], stop: threading.Event) -> None:
    """Returns when `stop` is set. Nothing here can disturb the deliveries: what fails is a line in the log."""
    if not os.environ.get("PREFECT_API_URL"):
        return  # Prefect would start a server of its own; `runs.prepare` says that none is named
    threading.Thread(target=_tell, args=(apps, stop), name="silent ends", daemon=True).start()
    from tasks.run.watchdog import watch

    watch(stop)


def _tell(apps: Sequence[HookedApp], stop: threading.Event) -> None:
    from prefect.exceptions import ObjectNotFound

    from tasks.run.feedback import tell_silent_ends

    deployments = [(a, name) for a in apps for name in (a.webhook.deployment, a.config.nightly.deployment)]
    while not stop.wait(TELL_SECONDS):
        for hooked, deployment in deployments:
            try:
                tell_silent_ends(hooked.config, deployment)
            except ObjectNotFound:
                continue  # nobody runs it
            except Exception as error:  # noqa: BLE001 - the watch must go on tomorrow too
                log.warning("%s: whether runs ended silently cannot be seen: %s", hooked.name, error)
