"""`slipway release`, `status` and `plan`: what is released, to whom, and how it stands."""

import getpass
import os
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli.common import Commit, Exit, Json, commit_of, err, load, out, print_json, told
from tasks.errors import ConfigInvalid

Override = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        help="A gate to pass: freeze, soak, e2e, suites, migrations. Needs --reason; policy.override says which may be.",
    ),
]
OverrideReason = Annotated[str, typer.Option("--reason", help="Why a gate is passed; stands in commit and report.")]


def release(
    commit: Commit = None,
    override: Override = None,
    reason: OverrideReason = "",
    by: Annotated[str, typer.Option("--by", help="Who decides it; without it you.", show_default=False)] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run until it ends.")] = True,
    reuse: Annotated[
        bool,
        typer.Option(
            "--reuse/--no-reuse", help="Whether images and test results of the same content count, or all is done anew."
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Ask the Prefect server to release a commit, and follow the run."""
    from deployments import follow

    with told():
        config = load()
        run = follow.start(_request(commit_of(config, commit), override or [], reason, by, reuse), config.deployment)
        if not as_json:
            out.print(f"release {run.commit[:7]}: {run.url}", soft_wrap=True)
        ended = _followed(run, as_json) if wait else None
    if as_json:
        print_json(
            {
                "run": run.id,
                "url": run.url,
                "commit": run.commit,
                "state": ended.name if ended else None,
                "message": ended.message if ended else None,
            }
        )
    elif ended and not ended.well:
        err.print(escape(ended.message), soft_wrap=True)
    if ended and not ended.well:
        raise typer.Exit(Exit.refused)


def status(as_json: Json = False) -> None:
    """Show which version every customer has, from the GitOps repository alone."""
    from deployments import status as overview
    from tasks.gitops.ledger import read_ledger

    with told():
        config, fleet = _fleet()
        ledger = read_ledger(config, fleet.tip)
    if as_json:
        overrides = ledger.model_dump(mode="json")["entries"]
        print_json({"app": config.app.name, **fleet.model_dump(mode="json"), "overrides": overrides})
        return
    # COLUMNS is obeyed without a terminal too; a pipe without it gets whole lines.
    width = out.width if out.is_terminal or os.environ.get("COLUMNS") else None
    sys.stdout.writelines(f"{line}\n" for line in overview.lines(config, fleet, width))
    sys.stdout.writelines(f"{line}\n" for line in overview.overridden(ledger))


def plan(
    commit: Commit = None,
    run: Annotated[
        str, typer.Option("--run", help="Show the plan of a release run instead, as it asks to be approved.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what a release would change at every customer. Nothing is built or written."""
    from deployments import follow, preview

    if run:
        with told():
            text = follow.plan_of(run)
        print_json({"run": run, "plan": text}) if as_json else out.print(escape(text), soft_wrap=True)
        return
    with told():
        config = load()
        preview_of = preview.preview(config, commit_of(config, commit))
    if as_json:
        print_json(preview_of.model_dump(mode="json"))
        return
    for line in preview.lines(preview_of):
        out.print(escape(line), soft_wrap=True, style=preview.style(line) if out.is_terminal else None)


def _followed(run: Any, quiet: bool) -> Any:
    """How the run ended. An interrupt ends the following only, and says so."""
    from deployments import follow

    try:
        return follow.until_end(run, lambda line: None if quiet else out.print(escape(line), soft_wrap=True))
    except KeyboardInterrupt:
        err.print(f"no longer followed; the run goes on: {run.url}", soft_wrap=True)
        raise typer.Exit(Exit.interrupted) from None


def _request(commit: str, gates: list[str], reason: str, by: str, reuse: bool = True) -> Any:
    """What the release is asked for. Raises `ConfigInvalid` for an override that policy does not allow, or without a reason."""
    from pydantic import ValidationError

    from tasks.models import Override, ReleaseRequest

    allowed = load().policy.override
    if unknown := [g for g in gates if g not in allowed]:
        raise ConfigInvalid.because(
            f"{', '.join(unknown)} may not be overridden",
            "--override",
            f"policy.override in release.yaml allows {', '.join(allowed) or 'nothing'}",
        )
    if gates and not reason.strip():
        raise ConfigInvalid.because("an override needs its reason", "--override", "add --reason WHY")
    given = {"reason": reason.strip(), "by": by.strip() or getpass.getuser()}
    try:
        overrides = tuple(Override.model_validate({"gate": g, **given}) for g in dict.fromkeys(gates))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigInvalid.because(first["msg"], f"--{first['loc'][0]}", "say it in fewer words") from None
    return ReleaseRequest(commit=commit, overrides=overrides, reuse=reuse)


def _fleet() -> tuple[Any, Any]:
    from tasks.gitops.fleet import read_fleet

    config = load()
    return config, read_fleet(config)
