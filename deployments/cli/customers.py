"""`slipway hold`, `release-hold` and `rollback`: what people decide for single customers."""

import datetime
import re
from typing import Annotated, Any

import typer

from deployments.cli.common import By, Json, load, said, tell_commit, told
from tasks.errors import ConfigInvalid

Customers = Annotated[list[str], typer.Argument(help="Names of customers.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why; people read it in plan, status and report.", prompt=False)]
Until = Annotated[
    str, typer.Option("--until", help="Last day (UTC), as 2030-01-31; without it until somebody lets go.")
]


def hold(customers: Customers, reason: Why, by: By, until: Until = "", as_json: Json = False) -> None:
    """Keep customers where they are: releases leave them out and say why."""
    from tasks.gitops import hold as holds

    with told():
        done = holds.hold(load(), customers, _hold(reason, by, until))
    tell_commit(done, f"{', '.join(done.customers)} held", as_json)


def release_hold(customers: Customers, by: By, as_json: Json = False) -> None:
    """Let held customers move again with the next release."""
    from tasks.gitops import hold as holds

    with told():
        done = holds.release_hold(load(), customers, _owner(by))
    tell_commit(done, f"{', '.join(done.customers)} may move again", as_json)


def rollback(customers: Customers, reason: Why, by: By, until: Until = "", as_json: Json = False) -> None:
    """Put customers back to the release they ran before, and hold them there. Databases stay as they are."""
    from tasks.gitops import rollback as rollbacks

    with told():
        done = rollbacks.rollback(load(), customers, _hold(reason, by, until))
    back = ", ".join(f"{b.customer} back from {b.from_commit[:7]} to {b.to.commit[:7]}" for b in done.customers)
    tell_commit(done, f"{back}; held until {until or '`slipway release-hold`'}", as_json)


def _hold(reason: str, by: str, until: str) -> Any:
    """A hold as it is written. Raises `ConfigInvalid` for what people could not read later, or a day that is over."""
    from tasks.models import Hold

    try:
        last = datetime.date.fromisoformat(until) if re.fullmatch(r"\d{4}-\d\d-\d\d", until) else None
    except ValueError:
        last = None
    if until and last is None:
        raise ConfigInvalid.because(f"{until!r} is no date", "--until", "write it as 2030-01-31")
    if last and last < datetime.datetime.now(datetime.UTC).date():
        raise ConfigInvalid.because(f"{until} is over", "--until", "name a day to come")
    return Hold(reason=said(reason, "--reason", "say why"), owner=_owner(by), until=until)


def _owner(by: str) -> str:
    return said(by, "--by", "say who decides it")
