"""`slipway overrides`: the ledger of gates that were passed and are not made good yet."""

from typing import Annotated, Any

import typer

from deployments.cli.command import add, app_of, shown
from deployments.cli.common import By, Json, Reason, load, print_json, said, say, tell_commit, working

Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="Ids, as `slipway overrides` lists them.", show_default=False)
]


@shown("slipway overrides", "slipway overrides --json", json="entries, problems")
def overrides(context: typer.Context, as_json: Json = False) -> None:
    """Lists them, unless one of the commands is called."""
    from tasks.gitops.ledger import read_ledger

    if context.invoked_subcommand:
        return
    with working("reading the GitOps repository"):
        ledger = read_ledger(load())
    if as_json:
        print_json(ledger.model_dump(mode="json"))
        return
    for line in lines(ledger):
        say(line)


@shown("slipway overrides clear 1f3a9c2d4e5b-e2e --reason 'tested by hand'", json="commit, created, closed")
def clear(ids: Ids, reason: Reason, by: By, as_json: Json = False) -> None:
    """Close overrides by hand. Who and why stand in the commit."""
    from tasks.gitops.ledger import clear_by_hand

    why, who = said(reason, "--reason", "say why"), said(by, "--by", "say who decides it")
    with working("writing to the GitOps repository"):
        done = clear_by_hand(load(), ids, who, why)
    tell_commit(done, f"{', '.join(ids)} closed", as_json)


def lines(ledger: Any) -> list[str]:
    """A line for each open override, and what in the ledger cannot be read."""
    told = [
        f"{e.id}  {e.when[:10]}  {', '.join(e.rings)}  by {e.override.by}: {e.override.reason}" for e in ledger.entries
    ]
    told += [str(problem) for problem in ledger.problems]
    return told or ["no override is open"]


app = app_of("List overrides that are still to be made good. Close them by hand.", overrides, alone=True)
add(app, "clear", clear)
