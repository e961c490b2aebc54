"""What makes a function a command: the same help, the same `--config`, and the same ends for all of them."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from deployments.cli.ending import Exit, err, told
from deployments.cli.page import page


def shown(*examples: str, json: str = "") -> Callable[[Any], Any]:
    """Says how a command is called, and which keys its `--json` has; both stand at the end of its help."""

    def say(function: Any) -> Any:
        function.examples, function.json_keys = examples, json
        return function

    return say


def add(app: typer.Typer, name: str, function: Any, group: str | None = None, reads_config: bool = True) -> None:
    """Makes a function a command of the app, in one group of its list."""
    app.command(name, cls=Configured if reads_config else Command, rich_help_panel=group)(function)


def app_of(text: str, options: Any = None, alone: bool = False, ending: str = "") -> typer.Typer:
    """A command of commands. `options` is called before each of them; `alone`: also without one, and reads release.yaml."""
    made = typer.Typer(
        cls=ConfiguredGroup if alone else Group,
        help=text,
        epilog=ending,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=alone,
    )
    if options:
        made.callback()(options)
    return made


class _Told:
    """What all commands have in common, beside what Typer gives them."""

    def __init__(self, *args: Any, **given: Any) -> None:
        given["context_settings"] = {"help_option_names": ["-h", "--help"]}
        super().__init__(*args, **given)
        self.examples: tuple[str, ...] = getattr(self.callback, "examples", ())  # type: ignore[attr-defined]
        self.json_keys: str = getattr(self.callback, "json_keys", "")  # type: ignore[attr-defined]
        self.epilog = "\n\n".join(part for part in (self.epilog, *self._ending()) if part)

    def _ending(self) -> tuple[str, str]:
        examples = "\n  ".join(("Examples:", *self.examples)) if self.examples else ""
        return examples, f"Keys of the JSON: {self.json_keys}." if self.json_keys else ""

    def get_help(self, ctx: Any) -> str:
        """The page, whatever Typer would draw."""
        return page(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Typer does not always say in which command a word is wrong."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except typer.TyperException as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        """Runs it; an error ends it with its code."""
        with told():
            return super().invoke(ctx)  # type: ignore[misc]


class Command(_Told, TyperCommand):
    """A command."""


class Group(_Told, TyperGroup):
    """A command of commands; called without any, it shows its help as an error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not (args or self.invoke_without_command or ctx.resilient_parsing):
            err.print(self.get_help(ctx), markup=False, soft_wrap=True)
            raise typer.Exit(Exit.usage)
        return super().parse_args(ctx, args)


class _Configured:
    """Takes `--config` too."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{**given, "params": [*given["params"], *_config_option()]})


class Configured(_Configured, Command):
    """A command that reads release.yaml."""


class ConfiguredGroup(_Configured, Group):
    """A command of commands that reads release.yaml itself."""


def _name_config(path: str | None) -> None:
    if path:
        os.environ["SLIPWAY_CONFIG"] = path


def _config_option() -> list[Any]:
    """The option as Typer makes it; its value goes where every reader of release.yaml looks, also in other processes."""

    def only(
        config: Annotated[
            str | None,
            typer.Option(
                "--config",
                metavar="FILE",
                callback=_name_config,
                expose_value=False,
                help="The settings. Without it: what SLIPWAY_CONFIG names, or release.yaml in this folder.",
            ),
        ] = None,
    ) -> None:
        pass

    made = typer.Typer(add_completion=False)
    made.command()(only)
    return [p for p in get_command(made).params if p.name == "config"]
