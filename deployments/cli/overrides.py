"""`slipway overrides`: the ledger of gates that were passed and are not made good yet."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli.common import Json, load, out, print_json, said, tell_commit, told

app = typer.Typer(
    help="List overrides that are still to be made good; close them by hand.", invoke_without_command=True
)


@app.callback()
def overrides(
    context: typer.Context,
    as_json: Json = False,
) -> None:
    """List overrides that are still to be made good, or close some: `slipway overrides clear ID`."""
    from tasks.gitops.ledger import read_ledger

    if context.invoked_subcommand:
        return
    with told():
        ledger = read_ledger(load())
    if as_json:
        print_json(ledger.model_dump(mode="json"))
        return
    for line in lines(ledger):
        out.print(escape(line), soft_wrap=True)


@app.command("clear")
def clear(
    ids: Annotated[list[str], typer.Argument(help="Ids, as `slipway overrides` lists them.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why it need not be made good any more.", prompt=False)],
    by: Annotated[str, typer.Option("--by", help="Who decides it; without it you.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Close overrides by hand; who and why stand in the commit."""
    import getpass

    from tasks.gitops.ledger import clear_by_hand

    with told():
        why = said(reason, "--reason", "say why")
        done = clear_by_hand(load(), ids, by.strip() or getpass.getuser(), why)
    tell_commit(done, f"{', '.join(ids)} closed", as_json)


def lines(ledger: Any) -> list[str]:
    """A line for each open override, and what in the ledger cannot be read."""
    told = [
        f"{e.id}  {e.when[:10]}  {', '.join(e.rings)}  by {e.override.by}: {e.override.reason}" for e in ledger.entries
    ]
    told += [str(problem) for problem in ledger.problems]
    return told or ["no override is open"]
