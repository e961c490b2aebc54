"""`slipway migrations`: the migration check where developers meet it first, on their own machine."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.markup import escape

from tasks.errors import ReleaseRefused, SlipwayError

app = typer.Typer(no_args_is_help=True, help="Judge database migrations by running them on a scratch PostgreSQL.")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
BLOCKED, NOT_CHECKED = 1, 2


class Format(StrEnum):
    """How the findings are written."""

    text = "text"
    json = "json"
    github = "github"


@app.command("check")
def check(
    alembic_config: Annotated[Path, typer.Option(help="Path of alembic.ini.")] = Path("alembic.ini"),
    start: Annotated[
        list[str] | None, typer.Option("--from", help="Revision that a customer's database is at; may be repeated.")
    ] = None,
    to: Annotated[str, typer.Option(help="Revision to check up to.")] = "head",
    fleet: Annotated[
        Path | None, typer.Option(help="YAML or JSON list of customers: customer, revision, metadata, rows.")
    ] = None,
    postgres: Annotated[
        str | None, typer.Option(help="Superuser URL of a scratch server; without it an embedded one.")
    ] = None,
    python: Annotated[
        str, typer.Option(help="Interpreter with the app's dependencies; without it the active one.")
    ] = "",
    form: Annotated[Format, typer.Option("--format", help="text, json, or github (annotations).")] = Format.text,
) -> None:
    """Say whether the pending revisions may be released. Exit code 0: yes, 1: blocked, 2: could not be checked."""
    from tasks.migrations import local

    try:
        standings = [*_standings(fleet, python), *_starts(start)]
        checked = local.check_alembic(alembic_config.resolve(), standings, to, postgres, python)
    except SlipwayError as error:
        err.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(NOT_CHECKED) from None
    seen = local.as_json(checked)
    _print(seen, form)
    raise typer.Exit(BLOCKED if seen["blocking"] else 0)


@app.command("explain")
def explain(rule: Annotated[str | None, typer.Argument(help="Name of a rule; without it all of them.")] = None) -> None:
    """Explain a rule, with an example that it stops and one that it lets pass."""
    from tasks.migrations.rules.every import RULES

    known = {r.name: r for r in RULES}
    if rule and rule not in known:
        err.print(f"there is no rule {escape(rule)}; rules are {', '.join(known)}", soft_wrap=True)
        raise typer.Exit(NOT_CHECKED)
    for r in [known[rule]] if rule else known.values():
        out.print(
            f"[bold]{r.name}[/] ({r.family})\n  when:   {escape(r.condition)}\n  effect: {escape(r.effect)}",
            soft_wrap=True,
        )
        out.print(f"  bad:    {escape(r.bad)}\n  good:   {escape(r.good)}\n", soft_wrap=True)


def _starts(revisions: Sequence[str] | None) -> list[Any]:
    from tasks.migrations.judge import Standing

    return [Standing(customer=f"a customer at {r}", revision=None if r == "base" else r) for r in revisions or ()]


def _standings(fleet: Path | None, python: str) -> list[Any]:
    """The customers of a fleet file. Raises `ReleaseRefused` for a file that is not one."""
    from tasks.migrations import local
    from tasks.migrations.judge import Standing

    if fleet is None:
        return []
    try:
        entries = yaml.safe_load(fleet.read_text(encoding="utf-8"))
        metadata = {e["metadata"]: None for e in entries if e.get("metadata")}
        mapped = {place: local.uses(place, python) for place in metadata}
        return [
            Standing(
                customer=e["customer"],
                revision=e.get("revision"),
                rows=e.get("rows") or {},
                uses=mapped.get(e.get("metadata")),
            )
            for e in entries
        ]
    except (OSError, yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ReleaseRefused.because(
            f"not a fleet file: {error!r}",
            str(fleet),
            "a list of customers, each with customer, revision, and optionally metadata and rows",
        ) from error


def _print(seen: dict[str, Any], form: Format) -> None:
    if form is Format.json:
        sys.stdout.write(json.dumps(seen, indent=2) + "\n")
        return
    for f in seen["findings"]:
        if form is Format.github:
            level = "error" if f["blocking"] else "notice"
            print(f"::{level} title={f['rule']}::{_line(f['object'])} {_line(f['effect'])}; {_line(f['next_step'])}")
            continue
        mark = (
            "blocked" if f["blocking"] else f"accepted: {f['accepted_because']}" if f["accepted_because"] else "allowed"
        )
        out.print(f"[bold]{escape(f['rule'])}[/] {escape(f['object'])} ({escape(mark)})", soft_wrap=True)
        out.print(
            escape(f"  revision {f['revision']}: {f['effect']}\n  seen:  {f['evidence']}\n  next:  {f['next_step']}"),
            soft_wrap=True,
        )
    if form is Format.text:
        pending = ", ".join(r["revision"] for r in seen["revisions"]) or "nothing"
        out.print(
            f"{'blocked' if seen['blocking'] else 'may be released'}: {pending} (phase {seen['phase']})", soft_wrap=True
        )


def _line(text: str) -> str:
    """One line for a workflow command: GitHub reads %0A as a line end."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
