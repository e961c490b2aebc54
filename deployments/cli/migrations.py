"""`slipway migrations`: the migration check where developers meet it first, on their own machine."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli.common import err, out
from tasks.errors import SlipwayError

app = typer.Typer(no_args_is_help=True, help="Judge database migrations by running them on a scratch PostgreSQL.")
BLOCKED, NOT_CHECKED = 1, 2


class Format(StrEnum):
    """How the findings are written."""

    text = "text"
    json = "json"
    github = "github"
    gitlab = "gitlab"


class Tool(StrEnum):
    """What runs the migrations."""

    alembic = "alembic"
    command = "command"


@app.command("check")
def check(
    alembic_config: Annotated[Path, typer.Option(help="Path of alembic.ini.")] = Path("alembic.ini"),
    start: Annotated[
        list[str] | None, typer.Option("--from", help="Revision that a customer's database is at; may be repeated.")
    ] = None,
    to: Annotated[str, typer.Option(help="Revision to check up to.")] = "head",
    fleet: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON list of customers: customer, revision, source, metadata, rows, database."),
    ] = None,
    postgres: Annotated[
        str | None, typer.Option(help="Superuser URL of a scratch server; without it an embedded one.")
    ] = None,
    preamble: Annotated[
        Path | None, typer.Option(help="SQL file with the extensions and roles that the app needs.")
    ] = None,
    python: Annotated[
        str, typer.Option(help="Interpreter with the app's dependencies; without it the active one.")
    ] = "",
    tool: Annotated[Tool, typer.Option(help="alembic, or command: anything that takes DATABASE_URL.")] = Tool.alembic,
    upgrade_command: Annotated[
        str, typer.Option(help="With --tool command: what brings DATABASE_URL to the newest schema.")
    ] = "",
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the revisions may take in all.")] = 300,
    form: Annotated[
        Format, typer.Option("--format", help="text, json, github (annotations), or gitlab (code quality).")
    ] = Format.text,
) -> None:
    """Say whether the pending revisions may be released. Exit code 0: yes, 1: blocked, 2: could not be checked."""
    from tasks.migrations import local
    from tasks.migrations.fleet_file import read_fleet, starts
    from tasks.migrations.told import as_json

    try:
        known = read_fleet(fleet, start[0] if start and len(start) == 1 else None) if fleet else []
        standings = [*known, *starts(start or [], known)]
        sql = preamble.read_text(encoding="utf-8") if preamble else ""
        if tool is Tool.command:
            checked = local.check_command(upgrade_command, Path.cwd(), standings, postgres, sql, timeout)
        else:
            checked = local.check_alembic(alembic_config.resolve(), standings, to, postgres, python, sql, timeout)
    except (SlipwayError, OSError) as error:
        err.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(NOT_CHECKED) from None
    seen = as_json(checked)
    _print(seen, form, {r.id: r.path for r in checked.history.revisions})
    raise typer.Exit(BLOCKED if seen["blocking"] else 0)


@app.command("explain")
def explain(
    rule: Annotated[str | None, typer.Argument(help="Name of a rule; without it all of them.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the page of the documentation.")] = False,
) -> None:
    """Explain a rule, with an example that it stops and one that it lets pass."""
    from tasks.migrations.rules.every import RULES
    from tasks.migrations.rules.page import page

    known = {r.name: r for r in RULES}
    if rule and rule not in known:
        err.print(f"there is no rule {escape(rule)}; rules are {', '.join(known)}", soft_wrap=True)
        raise typer.Exit(NOT_CHECKED)
    if markdown:
        sys.stdout.write(page([known[rule]] if rule else RULES))
        return
    for r in [known[rule]] if rule else known.values():
        out.print(
            f"[bold]{r.name}[/] ({r.family})\n  when:   {escape(r.condition)}\n  effect: {escape(r.effect)}",
            soft_wrap=True,
        )
        out.print(
            f"  next:   {escape(r.next_step)}\n  bad:    {escape(r.bad)}\n  good:   {escape(r.good)}\n", soft_wrap=True
        )


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of what `check --format json` writes."""
    from tasks.migrations.told import schema as published

    sys.stdout.write(json.dumps(published(), indent=2) + "\n")


def _print(seen: dict[str, Any], form: Format, paths: dict[str, str]) -> None:
    from tasks.migrations.told import github, gitlab

    if form is Format.json:
        sys.stdout.write(json.dumps(seen, indent=2) + "\n")
    elif form is Format.gitlab:
        sys.stdout.write(json.dumps(gitlab(seen, paths), indent=2) + "\n")
    elif form is Format.github:
        sys.stdout.writelines(f"{line}\n" for line in github(seen, paths))
    else:
        _print_text(seen)


def _print_text(seen: dict[str, Any]) -> None:
    for f in sorted(seen["findings"], key=lambda f: not f["blocking"]):
        accepted = f["accepted_because"]
        mark = (
            "[red]blocked[/]"
            if f["blocking"]
            else f"[green]accepted:[/] {escape(accepted)}"
            if accepted
            else "[yellow]look at it[/]"
        )
        what = " ".join(part for part in (f["object"], f"in revision {f['revision']}" if f["revision"] else "") if part)
        out.print(f"[bold]{escape(f['rule'])}[/] {escape(what)} ({mark})", soft_wrap=True)
        told = [("effect", f["effect"]), ("seen", f["evidence"]), ("next", f["next_step"])]
        out.print("\n".join(f"  {name + ':':<7} {escape(text)}" for name, text in told if text), soft_wrap=True)
    pending = ", ".join(r["revision"] for r in seen["revisions"]) or "nothing is pending"
    verdict = "[red]blocked[/]" if seen["blocking"] else "[green]may be released[/]"
    out.print(f"{verdict}: {escape(pending)} (phase {seen['phase']})", soft_wrap=True)
