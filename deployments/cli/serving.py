"""`slipway serve`, `dashboard` and `demo`: what goes on until somebody ends it."""

import sys
from typing import Annotated

import typer

from deployments.cli.common import err, load, told


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; a proxy with TLS belongs before it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8090,
) -> None:
    """Take webhooks and look at main each minute; SLIPWAY_CONFIG names one release.yaml or several, as PATH does."""
    from deployments import serve as server
    from deployments.webhook import make_app

    with told():
        receiver = make_app()
    server.serve(receiver, host, port)


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 4280,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no login: more than this machine needs a proxy.")
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name that browsers may call it by, beside addresses.receiver.")
    ] = None,
) -> None:
    """Serve pages that show who runs what, releases and DORA figures. They only read."""
    from deployments.dashboard import serve

    with told():
        serve.serve(load(), host, port, allowed_host or [], lambda line: err.print(line, soft_wrap=True))


def demo(
    once: Annotated[
        bool,
        typer.Option("--once", envvar="ONCE", help="End by itself, and answer the approval like a person's click."),
    ] = False,
) -> None:
    """Release a sample app to ten customers on real servers of its own on this machine."""
    from deployments.demo.run import run_demo

    with told():
        raise typer.Exit(run_demo(once=once or not sys.stdout.isatty()))
