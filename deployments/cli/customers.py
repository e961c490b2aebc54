"""`slipway hold`, `release-hold` and `rollback`: what people decide for single customers."""

import datetime
import re
from typing import Annotated, Any

import typer

from deployments.cli.command import shown
from deployments.cli.common import By, Customers, Json, Reason, load, said, tell_commit, working
from tasks.errors import ConfigInvalid

Until = Annotated[
    str,
    typer.Option("--until", metavar="DAY", help="Last day (UTC), as 2030-01-31. Without it: until somebody lets go."),
]
WRITING = "writing to the GitOps repository"


@shown("slipway hold bre fjord --reason 'audit' --until 2030-01-31", json="commit, created, customers")
def hold(customers: Customers, reason: Reason, by: By, until: Until = "", as_json: Json = False) -> None:
    """Keep customers where they are. Releases leave them out and say why."""
    from tasks.gitops import hold as holds

    wanted = _hold(reason, by, until)
    with working(WRITING):
        done = holds.hold(load(), customers, wanted)
    tell_commit(done, f"{', '.join(done.customers)} held", as_json)


@shown("slipway release-hold bre", json="commit, created, customers")
def release_hold(customers: Customers, by: By, as_json: Json = False) -> None:
    """Let held customers move again with the next release."""
    from tasks.gitops import hold as holds

    owner = _owner(by)
    with working(WRITING):
        done = holds.release_hold(load(), customers, owner)
    tell_commit(done, f"{', '.join(done.customers)} may move again", as_json)


@shown("slipway rollback fjord --reason 'orders are lost'", json="commit, created, customers, refused")
def rollback(customers: Customers, reason: Reason, by: By, until: Until = "", as_json: Json = False) -> None:
    """Put customers back to the release they ran before, and hold them there. Databases stay as they are."""
    from tasks.gitops import rollback as rollbacks

    wanted = _hold(reason, by, until)
    with working(WRITING):
        done = rollbacks.rollback(load(), customers, wanted)
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
