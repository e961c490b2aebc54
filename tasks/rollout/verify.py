"""Sees customers running a release, by the way that `rollout.verify` names."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.config import Config
from tasks.errors import SlipwayError
from tasks.models import Release
from tasks.rollout import http

AT_ONCE = 16


def verify_customers(
    config: Config, release: Release, customers: Sequence[str]
) -> dict[str, dict[str, str] | SlipwayError]:
    """What each customer answers once it runs the release, or why it was not seen doing so within its time."""

    def one(customer: str) -> dict[str, str] | SlipwayError:
        try:
            return http.verify_customer(config, release, customer)
        except SlipwayError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(customers, pool.map(one, customers), strict=True))
