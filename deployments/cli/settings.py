"""`slipway init`, `config` and `doctor`: the settings, and whether all that they name is there."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from deployments.cli.command import add, app_of, shown
from deployments.cli.common import Exit, Json, err, load, out, print_json, room, say, working

AppRepository = Annotated[
    str, typer.Option("--app", metavar="REPOSITORY", help="The app's repository: a git URL or a path.")
]
GitOps = Annotated[
    str, typer.Option("--gitops", metavar="REPOSITORY", help="The GitOps repository: a git URL or a path.")
]
AppBranch = Annotated[str, typer.Option("--app-branch", metavar="BRANCH", help="The branch that is released.")]
GitOpsBranch = Annotated[str, typer.Option("--gitops-branch", metavar="BRANCH", help="The branch that is rolled out.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file when it is there.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="How long any look may take.")]


@shown(
    "slipway init --app https://git.example.no/shop/app.git --gitops https://git.example.no/shop/gitops.git",
    "slipway init --app . --gitops ../gitops --output release.yaml",
    json="found, output, text, diff, created",
)
def init(
    app_repository: AppRepository,
    gitops: GitOps,
    app_branch: AppBranch = "main",
    gitops_branch: GitOpsBranch = "main",
    output: Output = Path("release.yaml"),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a first release.yaml out of what stands in both repositories. Only commits are looked at, nothing is run."""
    from deployments.init import command as first
    from deployments.init import table as init_table

    with working("looking at both repositories"):
        places = first.place(app_repository, app_branch, "--app"), first.place(gitops, gitops_branch, "--gitops")
        done = first.init(*places, output, force)
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        out.print(init_table.report(done))
    if done.diff and not done.created:
        if not as_json:
            say(done.diff)
        err.print(escape(f"{output}: is there and differs, and was left as it is"), soft_wrap=True)
        err.print("  next:  --force replaces it, --output names another", soft_wrap=True)
        raise typer.Exit(Exit.refused)
    if not as_json:
        say(init_table.ending(done))


@shown("slipway doctor", "slipway doctor --json --timeout 120", json="area, state, told, next_step")
def doctor(timeout: Timeout = 30, as_json: Json = False) -> None:
    """Look at all that a release needs, and say what to mend. Every connection, right and clock; nothing is changed."""
    from deployments.doctor import show
    from deployments.doctor.examine import examine

    with working("looking"):
        findings = examine(load, timeout)
    if as_json:
        print_json([f.model_dump(mode="json") for f in findings])
    else:
        for line, style in show.lines(findings, room()):
            out.print(escape(line), style=style if out.is_terminal else None, soft_wrap=True)
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(Exit.refused)


@shown("slipway config validate", "slipway config validate --config shop/release.yaml", json="those of the file")
def validate(as_json: Json = False) -> None:
    """Check release.yaml, and name every wrong key with its file and line."""
    from deployments.doctor.here import summary
    from tasks.config.file import config_path

    config = load()
    if as_json:
        print_json(config.model_dump(mode="json", by_alias=True))
    else:
        say(f"{config_path()}: {summary(config)}: all right")


@shown("slipway config schema > release.schema.json")
def schema() -> None:
    """Print the JSON Schema of release.yaml, for editors."""
    from tasks.config.model import json_schema

    print_json(json_schema())


app = app_of("Look at release.yaml, the one file of settings.")
add(app, "validate", validate)
add(app, "schema", schema, reads_config=False)
