"""`slipway`: the command line, thin over the functions that the flows use."""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from deployments.cli import migrations as cli_migrations
from deployments.cli import overrides as cli_overrides
from deployments.cli import server as cli_server
from deployments.cli import suites as cli_suites
from tasks.errors import ConfigInvalid, ServiceUnavailable, SlipwayError

app = typer.Typer(
    name="slipway",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Takes one push to main to every customer's environment: tested, built, migrated, promoted, verified.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 a server is not there, 130 interrupted.",
)
config_app = typer.Typer(no_args_is_help=True, help="Look at release.yaml, the one file of settings.")
app.add_typer(config_app, name="config")
app.add_typer(cli_migrations.app, name="migrations")
app.add_typer(cli_server.app, name="server")
app.add_typer(cli_overrides.app, name="overrides")
app.command("test")(cli_suites.test)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"slipway {version('slipway')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Commit = Annotated[
    str | None, typer.Argument(help="Commit of the app's main, 40 hex digits. Without it: the tip of main.")
]


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    refused = 1
    usage = 2
    unavailable = 3
    interrupted = 130


@contextmanager
def _told() -> Iterator[None]:
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


By = Annotated[str, typer.Option("--by", help="Who decides it.", default_factory=getpass.getuser, show_default="you")]
Override = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        help="A gate to pass: freeze, soak, e2e, suites, migrations. Needs --reason; policy.override says which may be.",
    ),
]
OverrideReason = Annotated[str, typer.Option("--reason", help="Why a gate is passed; stands in commit and report.")]


@app.command()
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

    with _told():
        app_place, gitops_place = (
            first.place(app_repository, app_branch, "--app"),
            first.place(gitops, gitops_branch, "--gitops"),
        )
        done = first.init(app_place, gitops_place, output, force)
    if as_json:
        _print_json(done.model_dump(mode="json"))
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


@app.command()
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

    with _told():
        config = _load()
        run = follow.start(_request(_commit(config, commit), override or [], reason, by, reuse), config.deployment)
        if not as_json:
            out.print(f"release {run.commit[:7]}: {run.url}", soft_wrap=True)
        ended = _followed(run, as_json) if wait else None
    if as_json:
        _print_json(
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


@app.command()
def status(as_json: Json = False) -> None:
    """Show which version every customer has, from the GitOps repository alone."""
    from deployments import status as overview
    from tasks.gitops.ledger import read_ledger

    with _told():
        config, fleet = _fleet()
        ledger = read_ledger(config, fleet.tip)
    if as_json:
        overrides = ledger.model_dump(mode="json")["entries"]
        _print_json({"app": config.app.name, **fleet.model_dump(mode="json"), "overrides": overrides})
        return
    # COLUMNS is obeyed without a terminal too; a pipe without it gets whole lines.
    width = out.width if out.is_terminal or os.environ.get("COLUMNS") else None
    sys.stdout.writelines(f"{line}\n" for line in overview.lines(config, fleet, width))
    sys.stdout.writelines(f"{line}\n" for line in overview.overridden(ledger))


@app.command()
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
        with _told():
            text = follow.plan_of(run)
        _print_json({"run": run, "plan": text}) if as_json else out.print(escape(text), soft_wrap=True)
        return
    with _told():
        config = _load()
        preview_of = preview.preview(config, _commit(config, commit))
    if as_json:
        _print_json(preview_of.model_dump(mode="json"))
        return
    for line in preview.lines(preview_of):
        out.print(escape(line), soft_wrap=True, style=preview.style(line) if out.is_terminal else None)


Customers = Annotated[list[str], typer.Argument(help="Names of customers.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why; people read it in plan, status and report.", prompt=False)]
Until = Annotated[
    str, typer.Option("--until", help="Last day (UTC), as 2030-01-31; without it until somebody lets go.")
]


@app.command()
def hold(customers: Customers, reason: Why, by: By, until: Until = "", as_json: Json = False) -> None:
    """Keep customers where they are: releases leave them out and say why."""
    from tasks.gitops import hold as holds

    with _told():
        done = holds.hold(_load(), customers, _hold(reason, by, until))
    _tell_commit(done, f"{', '.join(done.customers)} held", as_json)


@app.command("release-hold")
def release_hold(customers: Customers, by: By, as_json: Json = False) -> None:
    """Let held customers move again with the next release."""
    from tasks.gitops import hold as holds

    with _told():
        done = holds.release_hold(_load(), customers, _owner(by))
    _tell_commit(done, f"{', '.join(done.customers)} may move again", as_json)


@app.command()
def rollback(customers: Customers, reason: Why, by: By, until: Until = "", as_json: Json = False) -> None:
    """Put customers back to the release they ran before, and hold them there. Databases stay as they are."""
    from tasks.gitops import rollback as rollbacks

    with _told():
        done = rollbacks.rollback(_load(), customers, _hold(reason, by, until))
    told = ", ".join(f"{b.customer} back from {b.from_commit[:7]} to {b.to.commit[:7]}" for b in done.customers)
    _tell_commit(done, f"{told}; held until {until or '`slipway release-hold`'}", as_json)


RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or the address of its page.")]
Note = Annotated[str, typer.Option("--note", help="Why; it stands in the run.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is sent.")]


@app.command("approve")
def approve_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and let its ring move."""
    _answer(run, "approve", by, note, yes, as_json)


@app.command("reject")
def reject_run(run: RunId, by: By, note: Note = "", yes: Yes = False, as_json: Json = False) -> None:
    """Show the plan that a run asks to be approved, and end the release without it."""
    _answer(run, "reject", by, note, yes, as_json)


def _answer(run: str, decision: Any, by: str, note: str, yes: bool, as_json: bool) -> None:
    """Shows what is asked, asks whether that is meant, and sends the answer to just that."""
    from deployments.approve import command as approve

    with _told():
        shown = approve.waiting(run)
        name = approve.require_name(by, shown.names)
        if not as_json:
            out.print(escape(f"{shown.text}\n\n{shown.asks}\n"), soft_wrap=True)
        if not yes and (as_json or not sys.stdin.isatty()):
            raise ConfigInvalid.because("nobody can be asked whether that is meant", "no terminal", "add --yes")
        if not yes and not _meant(f"{decision} plan {shown.plan} of ring {shown.ring} as {name}?"):
            err.print("nothing was sent; the run still waits")
            raise typer.Exit(Exit.refused)
        sent = approve.answer(shown, decision, name, note)
    if as_json:
        _print_json(sent.model_dump(mode="json"))
    else:
        done = {"approve": "approved", "reject": "rejected"}[sent.decision]
        out.print(escape(f"ring {sent.ring}, plan {sent.plan}: {done} by {sent.by}: {sent.url}"), soft_wrap=True)


def _meant(asked: str) -> bool:
    try:
        return typer.confirm(asked)
    except typer.Abort:
        raise KeyboardInterrupt from None


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

    allowed = _load().policy.override
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


def _hold(reason: str, by: str, until: str) -> Any:
    """A hold as it is written. Raises `ConfigInvalid` for what people could not read later, or a day that is over."""
    import datetime
    import re

    from tasks.models import Hold

    try:
        last = datetime.date.fromisoformat(until) if re.fullmatch(r"\d{4}-\d\d-\d\d", until) else None
    except ValueError:
        last = None
    if until and last is None:
        raise ConfigInvalid.because(f"{until!r} is no date", "--until", "write it as 2030-01-31")
    if last and last < datetime.datetime.now(datetime.UTC).date():
        raise ConfigInvalid.because(f"{until} is over", "--until", "name a day to come")
    return Hold(reason=_said(reason, "--reason", "say why"), owner=_owner(by), until=until)


def _owner(by: str) -> str:
    return _said(by, "--by", "say who decides it")


def _said(text: str, option: str, next_step: str) -> str:
    if not text.strip():
        raise ConfigInvalid.because("nothing is said", option, next_step)
    return text.strip()


def _tell_commit(done: Any, told: str, as_json: bool) -> None:
    if as_json:
        _print_json(done.model_dump(mode="json"))
    else:
        out.print(
            escape(f"{told}: {'commit' if done.created else 'nothing to write at'} {done.commit[:7]}"), soft_wrap=True
        )


@app.command()
def doctor(
    limit: Annotated[float, typer.Option("--limit", help="How many seconds any look may take.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """Look at every connection, right and clock that a release needs, and say what to mend. Nothing is changed."""
    from deployments.doctor import show
    from deployments.doctor.examine import examine

    findings = examine(_load, limit)
    width = out.width if out.is_terminal or os.environ.get("COLUMNS") else None
    if as_json:
        _print_json([f.model_dump(mode="json") for f in findings])
    else:
        for line, style in show.lines(findings, width):
            out.print(escape(line), style=style if out.is_terminal else None, soft_wrap=True)
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(Exit.refused)


@config_app.command("validate")
def validate(as_json: Json = False) -> None:
    """Check release.yaml and name every wrong key with its file and line."""
    from tasks.config.file import config_path

    with _told():
        config = _load()
    if as_json:
        _print_json(config.model_dump(mode="json", by_alias=True))
    else:
        out.print(
            f"{config_path()}: {config.app.name}, {len(config.components)} components, {len(config.rings)} rings: all right",
            soft_wrap=True,
        )


@config_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of release.yaml, for editors."""
    from tasks.config.model import json_schema

    _print_json(json_schema())


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; a proxy with TLS belongs before it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8090,
) -> None:
    """Take webhooks and look at main each minute; SLIPWAY_CONFIG names one release.yaml or several, as PATH does."""
    from deployments import serve as server
    from deployments.webhook import make_app

    with _told():
        receiver = make_app()
    server.serve(receiver, host, port)


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 4280,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no login: more than this machine needs a proxy.")
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name that browsers may call it by, beside addresses.receiver.")
    ] = None,
) -> None:
    """Serve pages that show who runs what, releases and DORA figures. They only read."""
    from deployments.dashboard import serve

    with _told():
        serve.serve(_load(), host, port, allowed_host or [], lambda line: err.print(line, soft_wrap=True))


@app.command()
def demo(
    once: Annotated[
        bool,
        typer.Option("--once", envvar="ONCE", help="End by itself, and answer the approval like a person's click."),
    ] = False,
) -> None:
    """Release a sample app to ten customers on real servers of its own on this machine."""
    from deployments.demo.run import run_demo

    with _told():
        raise typer.Exit(run_demo(once=once or not sys.stdout.isatty()))


def _load() -> Any:
    from tasks.config.file import load_config

    return load_config()


def _fleet() -> tuple[Any, Any]:
    from tasks.gitops.fleet import read_fleet

    config = _load()
    return config, read_fleet(config)


def _commit(config: Any, commit: str | None) -> str:
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


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
