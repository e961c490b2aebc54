"""`slipway`: the command line, thin over the functions that the flows use."""

from typing import Annotated

import typer

from deployments.cli import answers, customers, migrations, overrides, releases, server, serving, settings, suites
from deployments.cli.command import add, app_of
from deployments.cli.common import say

BEGIN, RELEASE, CUSTOMERS = "To begin", "Releases", "Customers"
DEVELOPERS, SERVERS = "On a developer's machine", "Servers"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"slipway {version('slipway')}")
        raise typer.Exit


def slipway(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Takes what --version gives; the callback has answered it."""


app = app_of(
    "Take one push to main to every customer's environment: tested, built, migrated, promoted, verified.",
    slipway,
    ending="`slipway COMMAND --help` shows examples.\n\n"
    "Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 a server is not there, 130 interrupted.",
)
for name, command, group, reads_config in (
    ("init", settings.init, BEGIN, False),
    ("doctor", settings.doctor, BEGIN, True),
    ("demo", serving.demo, BEGIN, False),
    ("release", releases.release, RELEASE, True),
    ("status", releases.status, RELEASE, True),
    ("plan", releases.plan, RELEASE, True),
    ("approve", answers.approve_run, RELEASE, False),
    ("reject", answers.reject_run, RELEASE, False),
    ("hold", customers.hold, CUSTOMERS, True),
    ("release-hold", customers.release_hold, CUSTOMERS, True),
    ("rollback", customers.rollback, CUSTOMERS, True),
    ("test", suites.test, DEVELOPERS, True),
    ("serve", serving.serve, SERVERS, True),
    ("dashboard", serving.dashboard, SERVERS, True),
):
    add(app, name, command, group, reads_config)
for name, commands, group in (
    ("config", settings.app, BEGIN),
    ("overrides", overrides.app, RELEASE),
    ("migrations", migrations.app, DEVELOPERS),
    ("server", server.app, SERVERS),
):
    app.add_typer(commands, name=name, rich_help_panel=group)
