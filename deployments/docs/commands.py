"""docs/reference/commands.md: every command and option of `slipway`, out of the command line itself."""

import re
from collections.abc import Iterator
from typing import Any

from deployments.cli.common import Exit
from deployments.docs.markdown import sentence, table

TAKES = re.compile(r"<([^>]+)>")
WORDS = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "dir": "FOLDER"}
HEAD = """# Commands

Made from the command line itself by `make docs`; `slipway COMMAND --help` says the same. Commands read `release.yaml` in the
working directory, or the file that `SLIPWAY_CONFIG` names. `--json` prints a JSON document on standard output for programs;
what people are told goes to standard error then.

{codes}
"""
CODES = {
    Exit.refused: "refused: trying again does not help until somebody changes something",
    Exit.usage: "wrong usage, or a wrong `release.yaml`",
    Exit.unavailable: "a server is not there; trying again may help",
    Exit.interrupted: "interrupted",
}


def page() -> str:
    """The whole page: the options of `slipway` itself, then each command as `--help` lists them."""
    from typer.main import get_command

    from deployments.cli.main import app

    codes = table(["exit code", "meaning"], [["0", "done"], *([str(code.value), CODES[code]] for code in Exit)])
    head = HEAD.format(codes=codes)
    return "\n".join([head, *(_told(name, found) for name, found in commands("slipway", get_command(app)))])


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """(`slipway config validate`, command) of a command that can be run and of all below it, in their order."""
    below = getattr(command, "commands", {})
    if not below or any(_shown(p) for p in command.params):
        yield name, command
    for word, found in below.items():
        yield from commands(f"{name} {word}", found)


def _told(name: str, command: Any) -> str:
    shown = [p for p in command.params if _shown(p)]
    usage = " ".join([name, *(f"[{w}]" if not _needed(p) else w for p in shown if (w := _argument(p)))])
    options = " [OPTIONS]" if any(not _argument(p) for p in shown) else ""
    lines = [f"## {name}", "", sentence(" ".join((command.help or "").split())), ""]
    if name == "slipway":
        usage, options = "slipway [OPTIONS] COMMAND", ""
    lines += [f"```text\n{usage}{options}\n```", ""]
    if shown:
        lines += [table(["argument or option", "default", "meaning"], [_row(command, p) for p in shown]), ""]
    return "\n".join(lines)


def _shown(parameter: Any) -> bool:
    """Whether it is one of ours: `--help` and those of the shell's completion are everywhere."""
    return not getattr(parameter, "hidden", False) and parameter.name not in (
        "help",
        "install_completion",
        "show_completion",
    )


def _argument(parameter: Any) -> str:
    """An argument as usage shows it; empty for an option."""
    if parameter.param_type_name != "argument":
        return ""
    word = (parameter.metavar or parameter.name).strip("[].").upper().replace("]", "")
    return f"{word}..." if parameter.nargs == -1 else word


def _needed(parameter: Any) -> bool:
    return bool(parameter.required)


def _row(command: Any, parameter: Any) -> list[str]:
    # The names as `--help` shows them, with what they take.
    names = _argument(parameter) or parameter.get_help_record(command.context_class(command))[0]
    return [f"`{TAKES.sub(_taken, names)}`", _default(parameter), sentence(parameter.help or "")]


def _taken(found: re.Match[str]) -> str:
    """`<str>` -> `TEXT`, `<list[str]>` -> `TEXT ...`, `<a|b>` -> `a or b`."""
    if "|" in found[1]:
        return " or ".join(found[1].split("|"))
    kind = found[1].removeprefix("list[").rstrip("]").split()[0]
    return WORDS.get(kind, kind.upper()) + (" ..." if found[1].startswith("list[") else "")


def _default(parameter: Any) -> str:
    """What holds without it: the value, or the words that `--help` shows instead; `required` where it must be given."""
    if parameter.required:
        return "required"
    words = getattr(parameter, "show_default", None)
    if isinstance(words, str):
        return words
    value = parameter.default
    if parameter.secondary_opts:
        return f"`{(parameter.opts if value else parameter.secondary_opts)[0]}`"
    if value in (None, False, "", ()) or callable(value):
        return ""
    return f"`{value}`"
