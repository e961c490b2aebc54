"""`slipway approve` and `reject`: an answer to a run that waits for one."""

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli.common import By, Exit, Json, err, out, print_json, told
from tasks.errors import ConfigInvalid

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or the address of its page.")]
Note = Annotated[str, typer.Option("--note", help="Why; it stands in the run.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is sent.")]


def approve_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and let its ring move."""
    _answer(run, "approve", by, note, yes, as_json)


def reject_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and end the release without it."""
    _answer(run, "reject", by, note, yes, as_json)


def _answer(run: str, decision: Any, by: str, note: str, yes: bool, as_json: bool) -> None:
    """Shows what is asked, asks whether that is meant, and sends the answer to just that."""
    from deployments.approve import command as approve

    with told():
        shown = approve.waiting(run)
        name = approve.require_name(by, shown.names)
        if not as_json:
            out.print(escape(f"{shown.text}\n\n{shown.asks}\n"), soft_wrap=True)
        if not yes and (as_json or not sys.stdin.isatty()):
            raise ConfigInvalid.because("nobody can be asked whether that is meant", "no terminal", "add --yes")
        if not yes and not _meant(f"{decision} plan {shown.plan} of ring {shown.ring} as {name}?"):
            err.print("nothing was sent; the run still waits")
            raise typer.Exit(Exit.refused)
        sent = approve.answer(shown, decision, name, note)
    if as_json:
        print_json(sent.model_dump(mode="json"))
    else:
        done = {"approve": "approved", "reject": "rejected"}[sent.decision]
        out.print(escape(f"ring {sent.ring}, plan {sent.plan}: {done} by {sent.by}: {sent.url}"), soft_wrap=True)


def _meant(asked: str) -> bool:
    try:
        return typer.confirm(asked)
    except typer.Abort:
        raise KeyboardInterrupt from None
