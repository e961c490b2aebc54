"""`slipway approve` and `reject`: an answer to a run that waits for one."""

import sys
from typing import Annotated, Any

import typer

from deployments.cli.command import shown
from deployments.cli.common import By, Exit, Json, RunId, err, print_json, say, working
from tasks.errors import ConfigInvalid

Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="A word to it; it stands in the run.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is sent.")]
KEYS = "run, url, ring, plan, decision, by, note"


@shown("slipway approve RUN", "slipway approve RUN --by kari --note 'looks right' --yes", json=KEYS)
def approve_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and let its ring move."""
    _answer(run, "approve", by, note, yes, as_json)


@shown("slipway reject RUN --note 'not before the weekend'", json=KEYS)
def reject_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and end the release without it."""
    _answer(run, "reject", by, note, yes, as_json)


def _answer(run: str, decision: Any, by: str, note: str, yes: bool, as_json: bool) -> None:
    """Shows what is asked, asks whether that is meant, and sends the answer to just that."""
    from deployments.approve import command as approve

    with working("reading the plan"):
        shown = approve.waiting(run)
    name = approve.require_name(by, shown.names)
    if not as_json:
        say(f"{shown.text}\n\n{shown.asks}\n")
    if not yes and (as_json or not sys.stdin.isatty()):
        raise ConfigInvalid.because("nobody can be asked whether that is meant", "no terminal", "add --yes")
    if not yes and not typer.confirm(f"{decision} plan {shown.plan} of ring {shown.ring} as {name}?", err=True):
        err.print("nothing was sent; the run still waits")
        raise typer.Exit(Exit.refused)
    sent = approve.answer(shown, decision, name, note)
    if as_json:
        print_json(sent.model_dump(mode="json"))
    else:
        done = {"approve": "approved", "reject": "rejected"}[sent.decision]
        say(f"ring {sent.ring}, plan {sent.plan}: {done} by {sent.by}: {sent.url}")
