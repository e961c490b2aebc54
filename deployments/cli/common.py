"""What every command shares: where it prints, how errors end it, options that mean the same everywhere."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from tasks.errors import ConfigInvalid, ServiceUnavailable, SlipwayError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Commit = Annotated[
    str | None, typer.Argument(help="Commit of the app's main, 40 hex digits. Without it: the tip of main.")
]
By = Annotated[str, typer.Option("--by", help="Who decides it.", default_factory=getpass.getuser, show_default="you")]


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    refused = 1
    usage = 2
    unavailable = 3
    interrupted = 130


@contextmanager
def told() -> Iterator[None]:
    """Prints an error's reasons on standard error and ends with the code of its kind."""
    try:
        yield
    except SlipwayError as error:
        for reason in error.reasons:
            err.print(escape(str(reason)), style="red" if err.is_terminal else None, soft_wrap=True)
        kinds = {ConfigInvalid: Exit.usage, ServiceUnavailable: Exit.unavailable}
        raise typer.Exit(next((c for k, c in kinds.items() if isinstance(error, k)), Exit.refused)) from None
    except KeyboardInterrupt:
        err.print("interrupted")
        raise typer.Exit(Exit.interrupted) from None


def load() -> Any:
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
    if not text.strip():
        raise ConfigInvalid.because("nothing is said", option, next_step)
    return text.strip()


def tell_commit(done: Any, told: str, as_json: bool) -> None:
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        out.print(
            escape(f"{told}: {'commit' if done.created else 'nothing to write at'} {done.commit[:7]}"), soft_wrap=True
        )


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
