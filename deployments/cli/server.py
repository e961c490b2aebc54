"""`slipway server`: the Prefect server as Slipway needs it, and the watch over its runs."""

import signal
import threading
from typing import Annotated

import typer

from deployments.cli.command import add, app_of, shown
from deployments.cli.common import Json, err, print_json, say, working

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Go on with server settings that would break releases.")]
PoolType = Annotated[
    str, typer.Option("--pool-type", metavar="TYPE", help="Type of the work pool, when it has to be made.")
]


@shown("slipway server apply --dry-run", "slipway server apply", json="server, dry_run, changes, findings")
def apply(
    dry_run: DryRun = False, force: Force = False, pool_type: PoolType = "process", as_json: Json = False
) -> None:
    """Make or update work pool, deployments, limits and automations. Doing it again changes nothing."""
    from deployments.server import apply as server

    with working("looking at the Prefect server"):
        done = server.apply(dry_run, force, pool_type)
    for finding in done.findings:
        kind = "would be refused" if finding.blocking else "warning"
        err.print(f"{kind}: {finding.reason}", soft_wrap=True, markup=False)
    if as_json:
        print_json(done.model_dump(mode="json"))
        return
    for change in done.changes:
        because = f" ({change.because})" if change.because else ""
        would = "would be " if dry_run and change.done in ("created", "updated", "removed") else ""
        say(f"{change.kind} {change.name}: {would}{change.done}{because}")


@shown("slipway server watch")
def watch() -> None:
    """Give up runs whose process is gone without a word, until interrupted. The webhook receiver does the same."""
    from tasks.run.watchdog import watch as watch_runs

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    say("watching")
    watch_runs(stop, say)


app = app_of("Bring a Prefect server to what Slipway needs, and watch over its runs.")
add(app, "apply", apply)
add(app, "watch", watch, reads_config=False)
