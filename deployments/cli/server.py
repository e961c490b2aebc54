"""`slipway server`: the Prefect server as Slipway needs it, and the watch over its runs."""

import signal
import threading
from typing import Annotated

import typer
from rich.markup import escape

from deployments.cli.common import Json, err, out, print_json, told

app = typer.Typer(no_args_is_help=True, help="Bring a Prefect server to what Slipway needs; watch over its runs.")


@app.command("apply")
def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on with server settings that would break releases.")
    ] = False,
    pool_type: Annotated[str, typer.Option(help="Type of the work pool, when it has to be made.")] = "process",
    as_json: Json = False,
) -> None:
    """Make or update work pool, deployments, limits and automations. Doing it again changes nothing."""
    from deployments.server import apply as server

    with told():
        done = server.apply(dry_run, force, pool_type)
    for finding in done.findings:
        err.print(escape(f"{'would be refused' if finding.blocking else 'warning'}: {finding.reason}"), soft_wrap=True)
    if as_json:
        print_json(done.model_dump(mode="json"))
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
