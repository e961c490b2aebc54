"""`slipway init`, `config` and `doctor`: the settings, and whether all that they name is there."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from deployments.cli.common import Exit, Json, err, load, out, print_json, told

app = typer.Typer(no_args_is_help=True, help="Look at release.yaml, the one file of settings.")


def init(
    app_repository: Annotated[str, typer.Option("--app", help="The app's repository: a git URL or a path.")],
    gitops: Annotated[str, typer.Option("--gitops", help="The GitOps repository: a git URL or a path.")],
    app_branch: Annotated[str, typer.Option(help="The branch that is released.")] = "main",
    gitops_branch: Annotated[str, typer.Option(help="The branch that is rolled out.")] = "main",
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("release.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a first release.yaml out of what stands in both repositories. Only commits are looked at, nothing is run."""
    from deployments.init import command as first
    from deployments.init import table as init_table

    with told():
        app_place, gitops_place = (
            first.place(app_repository, app_branch, "--app"),
            first.place(gitops, gitops_branch, "--gitops"),
        )
        done = first.init(app_place, gitops_place, output, force)
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        out.print(init_table.report(done))
    if done.diff and not done.created:
        if not as_json:
            out.print(escape(done.diff), soft_wrap=True)
        err.print(
            escape(
                f"{output}: is there and differs, and was left as it is\n  next:  --force replaces it, --output names another"
            ),
            soft_wrap=True,
        )
        raise typer.Exit(Exit.refused)
    if not as_json:
        out.print(escape(init_table.ending(done)), soft_wrap=True)


def doctor(
    limit: Annotated[float, typer.Option("--limit", help="How many seconds any look may take.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """Look at every connection, right and clock that a release needs, and say what to mend. Nothing is changed."""
    from deployments.doctor import show
    from deployments.doctor.examine import examine

    findings = examine(load, limit)
    width = out.width if out.is_terminal or os.environ.get("COLUMNS") else None
    if as_json:
        print_json([f.model_dump(mode="json") for f in findings])
    else:
        for line, style in show.lines(findings, width):
            out.print(escape(line), style=style if out.is_terminal else None, soft_wrap=True)
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(Exit.refused)


@app.command("validate")
def validate(as_json: Json = False) -> None:
    """Check release.yaml and name every wrong key with its file and line."""
    from tasks.config.file import config_path

    with told():
        config = load()
    if as_json:
        print_json(config.model_dump(mode="json", by_alias=True))
    else:
        out.print(
            f"{config_path()}: {config.app.name}, {len(config.components)} components, {len(config.rings)} rings: all right",
            soft_wrap=True,
        )


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of release.yaml, for editors."""
    from tasks.config.model import json_schema

    print_json(json_schema())
