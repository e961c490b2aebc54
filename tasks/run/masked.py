"""Prefect's tasks and artifacts, with known secrets masked: what a server stores, everybody who may use it can read."""

from collections.abc import Callable
from functools import partial
from typing import Any

import prefect
from prefect import artifacts
from prefect.settings import get_current_settings

from tasks.secrets.masking import errors_masked, learn, mask, mask_all


def task(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """As `prefect.task`, of a function whose errors hold no known secret."""
    if function is None:
        return partial(task, **options)
    return prefect.task(errors_masked(function), **options)


def create_markdown_artifact(markdown: str, **more: Any) -> Any:
    """As Prefect's, masked."""
    return artifacts.create_markdown_artifact(mask(markdown), **mask_all(more))


def create_table_artifact(table: list[dict[str, object]], **more: Any) -> Any:
    """As Prefect's, masked."""
    return artifacts.create_table_artifact(mask_all(table), **mask_all(more))


def learn_own() -> None:
    """Makes known what this process logs in to the Prefect server with, also where a profile holds it."""
    api = get_current_settings().api
    for secret in (api.auth_string, api.key):
        if secret:
            value = secret.get_secret_value()
            learn(value, value.partition(":")[2])
