"""`slipway release`, `status` and `plan`: what is released, to whom, and how it stands."""

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli import complete
from deployments.cli.command import shown
from deployments.cli.common import (
    By,
    Commit,
    Exit,
    Json,
    commit_of,
    err,
    load,
    out,
    print_json,
    room,
    said,
    say,
    working,
)
from tasks.errors import ConfigInvalid

Override = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="GATE",
        help="A gate to pass: freeze, soak, e2e, suites or migrations; may be repeated. Needs --reason; "
        "policy.override says which may be.",
        autocompletion=complete.gates,
    ),
]
OverrideReason = Annotated[
    str, typer.Option("--reason", metavar="WHY", help="Why a gate is passed; stands in commit and report.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run until it ends.")]
Reuse = Annotated[
    bool, typer.Option("--reuse/--no-reuse", help="Whether images and test results of the same content count.")
]
PlanOf = Annotated[
    str,
    typer.Option(
        "--run",
        metavar="RUN",
        help="The plan of this run instead, as it asks to be approved. Keys of its JSON: run, plan.",
    ),
]


@shown(
    "slipway release",
    "slipway release 0123456789abcdef0123456789abcdef01234567 --no-wait",
    "slipway release --override freeze --reason 'orders are lost'",
    json="run, url, commit, state, message",
)
def release(
    by: By,
    commit: Commit = None,
    override: Override = None,
    reason: OverrideReason = "",
    wait: Wait = True,
    reuse: Reuse = True,
    as_json: Json = False,
) -> None:
    """Ask the Prefect server to release a commit, and follow the run."""
    from deployments import follow

    config = load()
    with working("asking the Prefect server"):
        request = _request(config, commit_of(config, commit), override or [], reason, by, reuse)
        run = follow.start(request, config.deployment)
    ended = _followed(run, as_json, wait)
    if as_json:
        state, message = (ended.name, ended.message) if ended else (None, None)
        print_json({"run": run.id, "url": run.url, "commit": run.commit, "state": state, "message": message})
    elif ended and not ended.well:
        err.print(escape(ended.message), soft_wrap=True)
    if ended and not ended.well:
        raise typer.Exit(Exit.refused)


@shown("slipway status", "slipway status --json", json="app, tip, customers, overrides")
def status(as_json: Json = False) -> None:
    """Show which version every customer has, from the GitOps repository alone."""
    from deployments import status as overview
    from tasks.gitops.fleet import read_fleet
    from tasks.gitops.ledger import read_ledger

    config = load()
    with working("reading the GitOps repository"):
        fleet = read_fleet(config)
        ledger = read_ledger(config, fleet.tip)
    if as_json:
        overrides = ledger.model_dump(mode="json")["entries"]
        print_json({"app": config.app.name, **fleet.model_dump(mode="json"), "overrides": overrides})
        return
    sys.stdout.writelines(f"{line}\n" for line in overview.lines(config, fleet, room()))
    sys.stdout.writelines(f"{line}\n" for line in overview.overridden(ledger, room()))


@shown(
    "slipway plan",
    "slipway plan --run RUN",
    json="commit, subject, base, to_build, migrations, plan",
)
def plan(commit: Commit = None, run: PlanOf = "", as_json: Json = False) -> None:
    """Show what a release would change at every customer. Nothing is built or written."""
    from deployments import follow, preview

    if run:
        with working("asking the Prefect server"):
            text = follow.plan_of(run)
        print_json({"run": run, "plan": text}) if as_json else say(text)
        return
    config = load()
    with working("comparing"):
        seen = preview.preview(config, commit_of(config, commit))
    if as_json:
        print_json(seen.model_dump(mode="json"))
        return
    for line in preview.lines(seen):
        out.print(escape(line), soft_wrap=True, style=preview.style(line) if out.is_terminal else None)


def _followed(run: Any, quiet: bool, wait: bool) -> Any:
    """How the run ended; None without waiting for it. An interrupt ends the following only, and says so."""
    from deployments import follow

    def tell(line: str) -> None:
        if not quiet:
            say(line)

    try:
        tell(f"release {run.commit[:7]}: {run.url}")
        return follow.until_end(run, tell) if wait else None
    except KeyboardInterrupt:
        err.print(f"no longer followed; the run goes on: {run.url}", soft_wrap=True)
        raise typer.Exit(Exit.interrupted) from None


def _request(config: Any, commit: str, gates: list[str], reason: str, by: str, reuse: bool) -> Any:
    """What the release is asked for. Raises `ConfigInvalid` for an override that policy does not allow, or without a reason."""
    from pydantic import ValidationError

    from tasks.models import Override, ReleaseRequest

    allowed = config.policy.override
    if unknown := [g for g in gates if g not in allowed]:
        raise ConfigInvalid.because(
            f"{', '.join(unknown)} may not be overridden",
            "--override",
            f"policy.override in release.yaml allows {', '.join(allowed) or 'nothing'}",
        )
    if gates and not reason.strip():
        raise ConfigInvalid.because("an override needs its reason", "--override", "add --reason WHY")
    if reason and not gates:
        raise ConfigInvalid.because("a reason is given and no gate", "--reason", "add --override GATE, or leave it out")
    given = {"reason": reason.strip(), "by": said(by, "--by", "say who decides it")} if gates else {}
    try:
        overrides = tuple(Override.model_validate({"gate": g, **given}) for g in dict.fromkeys(gates))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigInvalid.because(first["msg"], f"--{first['loc'][0]}", "say it in fewer words") from None
    return ReleaseRequest(commit=commit, overrides=overrides, reuse=reuse)
