"""`slipway`: the command line, thin over the functions that the flows use."""

from typing import Annotated

import typer

from deployments.cli import answers, customers, migrations, overrides, releases, server, serving, settings, suites
from deployments.cli.common import out

app = typer.Typer(
    name="slipway",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Takes one push to main to every customer's environment: tested, built, migrated, promoted, verified.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 a server is not there, 130 interrupted.",
)
for name, command in {
    "init": settings.init,
    "doctor": settings.doctor,
    "release": releases.release,
    "test": suites.test,
    "status": releases.status,
    "plan": releases.plan,
    "hold": customers.hold,
    "release-hold": customers.release_hold,
    "rollback": customers.rollback,
    "approve": answers.approve_run,
    "reject": answers.reject_run,
    "serve": serving.serve,
    "dashboard": serving.dashboard,
    "demo": serving.demo,
}.items():
    app.command(name)(command)
for name, group in {
    "config": settings.app,
    "migrations": migrations.app,
    "server": server.app,
    "overrides": overrides.app,
}.items():
    app.add_typer(group, name=name)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"slipway {version('slipway')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
