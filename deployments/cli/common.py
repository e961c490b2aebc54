"""What commands share: where they print, and options that mean the same everywhere."""

import getpass
import json
import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from deployments.cli import complete
from deployments.cli.ending import Exit, err
from tasks.errors import ConfigInvalid

out = Console(highlight=False)


def me() -> str:
    """The name of who calls; empty where the system has none for this user, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output, and nothing else.")]
By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who decides it.", default_factory=me, show_default="you")
]
Reason = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; people read it in plan, status and report.")]
Commit = Annotated[
    str | None,
    typer.Argument(
        metavar="COMMIT",
        show_default=False,
        help="Commit of the app, 40 hex digits. Without it: the tip of its branch.",
    ),
]
Customers = Annotated[
    list[str],
    typer.Argument(
        metavar="CUSTOMER", help="Names of customers.", show_default=False, autocompletion=complete.customers
    ),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or the address of its page.")]


def load() -> Any:
    """The settings; heavy to import, so only when a command needs them."""
    from tasks.config.file import load_config

    return load_config()


def commit_of(config: Any, commit: str | None) -> str:
    """The commit asked for, or the tip of main. A wrong id is a usage error before any server is asked."""
    from pydantic import ValidationError

    from tasks.git import Mirror
    from tasks.models import ReleaseRequest

    try:
        return ReleaseRequest(commit=commit or Mirror.open(config.app.repository).fetch(config.app.branch)).commit
    except ValidationError:
        raise ConfigInvalid.because(
            f"not a commit id: {commit}", "the argument COMMIT", "give all 40 hex digits (`git rev-parse main`)"
        ) from None


def said(text: str, option: str, next_step: str) -> str:
    """What an option says. Raises `ConfigInvalid` when that is nothing."""
    if not text.strip():
        raise ConfigInvalid.because("nothing is said", option, next_step)
    return text.strip()


def working(text: str) -> Status:
    """Shows at a terminal what takes a while, for as long as it does; elsewhere nothing."""
    return err.status(f"{text} ...")


def room() -> int | None:
    """Columns that lines may take; None without a terminal, where programs look for words. COLUMNS is obeyed there too."""
    return out.width if out.is_terminal or os.environ.get("COLUMNS") else None


def say(text: str) -> None:
    """One line for a person, as it is."""
    out.print(escape(text), soft_wrap=True)


def tell_commit(done: Any, told: str, as_json: bool) -> None:
    """What was written, and where."""
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        say(f"{told}: {'commit' if done.created else 'already so at'} {done.commit[:7]}")


def print_json(value: Any) -> None:
    """The one value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


__all__ = ["By", "Commit", "Customers", "Exit", "Json", "Reason", "RunId", "commit_of", "err", "load", "me", "out"]
__all__ += ["print_json", "room", "said", "say", "tell_commit", "working"]
