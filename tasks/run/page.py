"""Where people see a run in the Prefect UI."""

from typing import Any
from uuid import UUID

from tasks.config.model import Config


def run_url(run: UUID | str, config: Config | None = None) -> str:
    """The address of a run's page, by `addresses.prefect` of the configuration, else as Prefect's own settings have it."""
    base = config.addresses.prefect if config else None
    return f"{(base or _own()).rstrip('/')}/runs/flow-run/{run}"


def files_url(config: Config) -> str:
    """The address under which the dashboard shows files of failed tests; empty where no address of it is known."""
    addresses = config.addresses
    receiver = f"{addresses.receiver.rstrip('/')}/dashboard" if addresses.receiver else ""
    base = (addresses.dashboard or receiver).rstrip("/")
    return f"{base}/-/runs" if base else ""


def _own() -> str:
    from prefect.settings import get_current_settings

    settings: Any = get_current_settings()
    return settings.ui_url or str(settings.api.url or "").removesuffix("/api")
