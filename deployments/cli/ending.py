"""How every command ends: what is said on standard error, and with which exit code."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from tasks.errors import ConfigInvalid, ServiceUnavailable, SlipwayError
from tasks.models import Reason

err = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    refused = 1
    usage = 2
    unavailable = 3
    interrupted = 130


@contextmanager
def told() -> Iterator[None]:
    """Prints an error's reasons on standard error and ends with the code of its kind. No traceback is ever shown unasked."""
    try:
        yield
    except SlipwayError as error:
        _say(*error.reasons, style="red" if err.is_terminal else None)
        raise typer.Exit(_code(error)) from None
    except (KeyboardInterrupt, typer.Abort):
        err.print("interrupted")
        raise typer.Exit(Exit.interrupted) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        _say(of_machine(error))
        raise typer.Exit(Exit.refused) from None
    except (typer.Exit, typer.TyperException):
        raise
    except Exception as error:  # noqa: BLE001 - the last one who can say it in words
        _say(_of_slipway(error))
        raise typer.Exit(Exit.refused) from None


def run(app: Callable[..., Any]) -> None:
    """The whole program, from its arguments to its exit code."""
    try:
        code = app(prog_name="slipway", standalone_mode=False) or 0
        sys.stdout.flush()
    except typer.TyperException as error:
        _say(_of_usage(error))
        code = Exit.usage
    except BrokenPipeError:
        # Whoever reads has enough, as `head` does. The interpreter would say so once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.refused
    except OSError as error:
        _say(of_machine(error))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.refused
    sys.exit(code)


def of_machine(error: OSError) -> Reason:
    """What this machine did not let us do."""
    return Reason(
        what=error.strerror or str(error),
        where=str(error.filename or "standard output"),
        next_step="mend that, then run it again; SLIPWAY_HOME names the folder that Slipway itself writes to",
    )


def _of_usage(error: Any) -> Reason:
    """A wrong word of the command line, as Typer says it, in our form."""
    said = error.format_message().replace("Value error, ", "").rstrip(".")
    where = error.ctx.command_path if getattr(error, "ctx", None) else "slipway"
    return Reason(what=said[:1].lower() + said[1:], where=where, next_step=f"`{where} --help` shows what it takes")


def _of_slipway(error: Exception) -> Reason:
    """A mistake of ours."""
    if os.environ.get("SLIPWAY_TRACEBACK"):
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Reason(
        what=f"Slipway made a mistake: {type(error).__name__}: {error}",
        where=f"{Path(last.filename).name}, line {last.lineno}",
        next_step="run it again with SLIPWAY_TRACEBACK=1, and report what it shows",
    )


def _code(error: SlipwayError) -> Exit:
    kinds = {ConfigInvalid: Exit.usage, ServiceUnavailable: Exit.unavailable}
    return next((code for kind, code in kinds.items() if isinstance(error, kind)), Exit.refused)


def _say(*reasons: Reason, style: str | None = None) -> None:
    for reason in reasons:
        err.print(escape(str(reason)), style=style, soft_wrap=True)
