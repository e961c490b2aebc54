"""`slipway overrides`: the ledger of gates that were passed and are not made good yet."""

from typing import Annotated, Any

import typer
from rich.markup import escape

app = typer.Typer(
    help="List overrides that are still to be made good; close them by hand.", invoke_without_command=True
)


@app.callback()
def overrides(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """List overrides that are still to be made good, or close some: `slipway overrides clear ID`."""
    from deployments.cli import main as cli
    from tasks.gitops.ledger import read_ledger

    if context.invoked_subcommand:
        return
    with cli._told():
        ledger = read_ledger(cli._load())
    if as_json:
        cli._print_json(ledger.model_dump(mode="json"))
        return
    for line in lines(ledger):
        cli.out.print(escape(line), soft_wrap=True)


@app.command("clear")
def clear(
    ids: Annotated[list[str], typer.Argument(help="Ids, as `slipway overrides` lists them.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why it need not be made good any more.", prompt=False)],
    by: Annotated[str, typer.Option("--by", help="Who decides it; without it you.", show_default=False)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Close overrides by hand; who and why stand in the commit."""
    import getpass

    from deployments.cli import main as cli
    from tasks.gitops.ledger import clear_by_hand

    with cli._told():
        why = cli._said(reason, "--reason", "say why")
        done = clear_by_hand(cli._load(), ids, by.strip() or getpass.getuser(), why)
    cli._tell_commit(done, f"{', '.join(ids)} closed", as_json)


def lines(ledger: Any) -> list[str]:
    """A line for each open override, and what in the ledger cannot be read."""
    told = [
        f"{e.id}  {e.when[:10]}  {', '.join(e.rings)}  by {e.override.by}: {e.override.reason}" for e in ledger.entries
    ]
    told += [str(problem) for problem in ledger.problems]
    return told or ["no override is open"]
