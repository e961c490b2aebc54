"""Serves the dashboard alone, on this machine only unless told otherwise."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from tasks.config.model import Config

HERE = ("127.0.0.1", "localhost", "[::1]")


def serve(config: Config, host: str, port: int, allowed: Sequence[str], tell: Callable[[str], None]) -> None:
    """Runs until it is interrupted. A browser may call it by the loopback names, those of `addresses`, and `allowed`."""
    import uvicorn

    from deployments.dashboard.app import make_app

    app = make_app([config], hosts=names(config, host, allowed))
    shown = f"[{host}]" if ":" in host else host
    tell(f"dashboard of {config.app.name}: http://{shown}:{port}/")
    if shown not in HERE:
        tell("whoever reaches this address can read it: let a proxy with a login stand before it")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def names(config: Config, host: str, allowed: Sequence[str]) -> list[str]:
    """The host names that are answered; an address that stands for all of the machine's is no name."""
    addresses = filter(None, (config.addresses.receiver, config.addresses.dashboard))
    known = [name for address in addresses if (name := urlsplit(address).hostname)]
    own = [] if host in ("0.0.0.0", "::") else [f"[{host}]" if ":" in host else host]  # noqa: S104 - compared, not bound
    return [*HERE, *own, *known, *allowed]
