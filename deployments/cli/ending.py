"""How every command ends: what is said on standard error, and with which exit code."""

import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from tasks.errors import ConfigInvalid, ServiceUnavailable, SlipwayError
from tasks.models import Reason

err = Console(stderr=True, highlight=False)
LABEL = "  where: "


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
        _say(*error.reasons)
        raise typer.Exit(_code(error)) from None
    except (KeyboardInterrupt, typer.Abort):
        err.print("interrupted")
        raise typer.Exit(Exit.interrupted) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        _say(of_machine(error))
        raise typer.Exit(Exit.usage if _is_program(error) else Exit.refused) from None
    except (typer.Exit, typer.TyperException):
        raise
    except Exception as error:  # noqa: BLE001 - the last one who can say it in words
        # pydantic tells an interrupt that comes while it makes a model as a mistake in the model.
        interrupted = "KeyboardInterrupt" in str(error)
        err.print("interrupted") if interrupted else _say(_of_slipway(error))
        raise typer.Exit(Exit.interrupted if interrupted else Exit.refused) from None


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
    name = str(error.filename or "")
    if _is_program(error):
        return Reason(what=f"there is no {name}", where="PATH", next_step="install it, or put its folder there")
    return Reason(
        what=error.strerror or str(error),
        where=name or "standard output",
        next_step="mend that, then run it again; SLIPWAY_HOME names the folder that Slipway itself writes to",
    )


def _is_program(error: OSError) -> bool:
    """Whether a program was looked for in vain, as subprocess tells it."""
    return isinstance(error, FileNotFoundError) and bool(error.filename) and os.sep not in str(error.filename)


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


def _say(*reasons: Reason) -> None:
    """At a terminal what happened is red, and lines are broken between words; elsewhere lines stay whole."""
    for reason in reasons:
        for number, line in enumerate(_lines(reason)):
            err.print(line, style="red" if number == 0 else None, markup=False, soft_wrap=True)


def _lines(reason: Reason) -> Iterator[str]:
    for line in str(reason).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        hanging = " " * len(LABEL) if line.startswith(("  where: ", "  next:  ")) else indent
        broken = textwrap.wrap(
            line, err.width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
        )
        yield from (broken if err.is_terminal and broken else [line])
