"""`slipway test`: the suites that a release runs, on a developer's machine before the push."""

import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape

from deployments.cli.common import Exit, Json, err, load, print_json, told


def test(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE]...", help="COMPONENT/SUITE, COMPONENT, or e2e. Without it: every unit suite."),
    ] = None,
    path: Annotated[Path, typer.Option(help="Checkout of the app.", exists=True, file_okay=False)] = Path(),
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", "-u", help="Take the files as they are, not the last commit.")
    ] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse/--no-reuse", help="Whether images and test results of the same content count, or all is done anew.")
    ] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the suites print.")] = False,
    as_json: Json = False,
) -> None:
    """Run suites as a release does: in the same containers, beside the same services, within the same limits."""
    from deployments.trial import lines
    from deployments.trial.choose import choose
    from deployments.trial.run import Bench, Tried, run
    from tasks.containers import engine
    from tasks.source import working_tree

    def tell(line: str) -> None:
        err.print(escape(line), soft_wrap=True)

    def done(tried: Tried) -> None:
        if not as_json:
            sys.stdout.writelines(f"{line}\n" for line in lines.lines(tried))
            sys.stdout.flush()

    signal.signal(signal.SIGTERM, _interrupt)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with told():
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
