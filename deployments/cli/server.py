"""`slipway server`: the Prefect server as Slipway needs it, and the watch over its runs."""

import json
import signal
import sys
import threading
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tasks.errors import ServiceUnavailable, SlipwayError

app = typer.Typer(no_args_is_help=True, help="Bring a Prefect server to what Slipway needs; watch over its runs.")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
REFUSED, UNAVAILABLE = 1, 3


@app.command("apply")
def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on with server settings that would break releases.")
    ] = False,
    pool_type: Annotated[str, typer.Option(help="Type of the work pool, when it has to be made.")] = "process",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Make or update work pool, deployments, limits and automations. Doing it again changes nothing."""
    from deployments.server import apply as server

    try:
        done = server.apply(dry_run, force, pool_type)
    except SlipwayError as error:
        for reason in error.reasons:
            err.print(escape(str(reason)), style="red" if err.is_terminal else None, soft_wrap=True)
        raise typer.Exit(UNAVAILABLE if isinstance(error, ServiceUnavailable) else REFUSED) from None
    for finding in done.findings:
        err.print(escape(f"{'would be refused' if finding.blocking else 'warning'}: {finding.reason}"), soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(done.model_dump(mode="json"), indent=2) + "\n")
        return
    for change in done.changes:
        because = f" ({change.because})" if change.because else ""
        would = "would be " if dry_run and change.done in ("created", "updated", "removed") else ""
        out.print(escape(f"{change.kind} {change.name}: {would}{change.done}{because}"), soft_wrap=True)


@app.command("watch")
def watch() -> None:
    """Give up runs whose process is gone without a word, until interrupted. The webhook receiver does the same."""
    from tasks.run.watchdog import watch as watch_runs

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    out.print("watching", soft_wrap=True)
    watch_runs(stop, lambda line: out.print(escape(line), soft_wrap=True))
