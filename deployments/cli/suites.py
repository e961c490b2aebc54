"""`slipway test`: the suites that a release runs, on a developer's machine before the push."""

import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from deployments.cli import complete
from deployments.cli.command import shown
from deployments.cli.common import Exit, Json, err, load, print_json

Suites = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SUITE",
        help="COMPONENT/SUITE, COMPONENT, or e2e. Without it: every unit suite.",
        autocompletion=complete.suites,
    ),
]
Checkout = Annotated[
    Path, typer.Option("--path", metavar="FOLDER", help="Checkout of the app.", exists=True, file_okay=False)
]
Uncommitted = Annotated[
    bool, typer.Option("--uncommitted", "-u", help="Take the files as they are, not the last commit.")
]
Reuse = Annotated[
    bool, typer.Option("--reuse/--no-reuse", help="Whether images and results of the same content count.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what the suites print.")]


@shown("slipway test", "slipway test backend/unit -u -v", "slipway test e2e", json="name, result, reasons")
def test(
    suites: Suites = None,
    path: Checkout = Path(),
    uncommitted: Uncommitted = False,
    reuse: Reuse = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Run suites as a release does. In the same containers, beside the same services, within the same limits."""
    from deployments.trial import lines
    from deployments.trial.choose import choose
    from deployments.trial.run import Bench, Tried, run
    from tasks.containers import engine
    from tasks.source import working_tree

    def tell(line: str) -> None:
        err.print(line, soft_wrap=True, markup=False)

    def done(tried: Tried) -> None:
        if not as_json:
            sys.stdout.writelines(f"{line}\n" for line in lines.lines(tried))
            sys.stdout.flush()

    signal.signal(signal.SIGTERM, _interrupt)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    config = load()
    chosen = choose(config, suites or [])
    engine()
    bench = Bench(config, working_tree.read(config, path.resolve(), uncommitted), reuse, tell)
    tried = run(bench, chosen, done)
    if as_json:
        print_json([t.model_dump(mode="json") for t in tried])
    if not all(t.green for t in tried):
        raise typer.Exit(Exit.refused)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Whoever ends the command ends its containers, too."""
    raise KeyboardInterrupt
