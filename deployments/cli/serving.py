"""`slipway serve`, `dashboard` and `demo`: what goes on until somebody ends it."""

import socket
import sys
from typing import Annotated

import typer

from deployments.cli.command import shown
from deployments.cli.common import err, load
from tasks.errors import ConfigInvalid

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Address to listen on. More than this machine needs a proxy before it."
    ),
]
Port = Annotated[int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port to listen on.")]


@shown("slipway serve", "slipway serve --config shop/release.yaml:till/release.yaml --port 8090")
def serve(host: Host = "127.0.0.1", port: Port = 8090) -> None:
    """Take webhooks and look at main each minute. One release.yaml or several are named, as PATH names folders."""
    from deployments import serve as server
    from deployments.webhook import make_app

    receiver = make_app()
    _require_free(host, port)
    server.serve(receiver, host, port)


@shown("slipway dashboard", "slipway dashboard --port 4280")
def dashboard(
    host: Host = "127.0.0.1",
    port: Port = 4280,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="A name that browsers may call it by, beside those of `addresses`; may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve pages that show who runs what, releases and DORA figures. They only read, and ask for no login."""
    from deployments.dashboard import serve

    config = load()
    _require_free(host, port)
    serve.serve(config, host, port, allowed_host or [], lambda line: err.print(line, soft_wrap=True))


def _require_free(host: str, port: int) -> None:
    """Uvicorn would tell of a port that is taken in its own way. Raises `ConfigInvalid`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise ConfigInvalid.because(
            f"nothing can be served there: {error.strerror}", f"{host}, port {port}", "name another --host or --port"
        ) from error


@shown("slipway demo", "slipway demo --once")
def demo(
    once: Annotated[
        bool,
        typer.Option("--once", envvar="ONCE", help="End by itself, and answer the approval like a person's click."),
    ] = False,
) -> None:
    """Release a sample app to ten customers on real servers of its own on this machine."""
    from deployments.demo.run import run_demo

    raise typer.Exit(run_demo(once=once or not sys.stdout.isatty()))
