"""`slipway migrations`: the migration check where developers meet it first, on their own machine."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli import complete
from deployments.cli.command import add, app_of, shown
from deployments.cli.common import Exit, Json, out, print_json, say, working
from deployments.cli.ending import of_machine
from tasks.errors import ConfigInvalid, SlipwayError

EXPLAINED = ("name", "family", "condition", "effect", "next_step", "bad", "good")


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


AlembicConfig = Annotated[Path, typer.Option("--alembic-config", metavar="FILE", help="Path of alembic.ini.")]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="REVISION", help="Where a customer's database is; may be repeated."),
]
To = Annotated[str, typer.Option("--to", metavar="REVISION", help="Revision to check up to.")]
Fleet = Annotated[
    Path | None,
    typer.Option(
        "--fleet",
        metavar="FILE",
        help="YAML or JSON list of customers: customer, revision, source, metadata, rows, database.",
    ),
]
Postgres = Annotated[
    str | None,
    typer.Option("--postgres", metavar="URL", help="Superuser URL of a scratch server. Without it: an embedded one."),
]
Preamble = Annotated[
    Path | None,
    typer.Option("--preamble", metavar="FILE", help="SQL file with the extensions and roles that the app needs."),
]
Python = Annotated[
    str,
    typer.Option(
        "--python", metavar="FILE", help="Interpreter with the app's dependencies. Without it: the active one."
    ),
]
WhichTool = Annotated[Tool, typer.Option("--tool", help="alembic, or command: anything that takes DATABASE_URL.")]
Upgrade = Annotated[
    str,
    typer.Option(
        "--upgrade-command",
        metavar="COMMAND",
        help="With --tool command: what brings DATABASE_URL to the newest schema.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="How long the revisions may take in all.")
]
Form = Annotated[
    Format, typer.Option("--format", help="How findings are written: github as annotations, gitlab as code quality.")
]
RuleName = Annotated[
    str | None,
    typer.Argument(
        metavar="RULE",
        help="Name of a rule. Without it: all of them.",
        show_default=False,
        autocompletion=complete.rules,
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Write the page of the documentation.")]


@shown(
    "slipway migrations check",
    "slipway migrations check --alembic-config backend/alembic.ini --from 0002 --json",
    json="blocking, phase, from, to, revisions, findings",
)
def check(
    alembic_config: AlembicConfig = Path("alembic.ini"),
    start: From = None,
    to: To = "head",
    fleet: Fleet = None,
    postgres: Postgres = None,
    preamble: Preamble = None,
    python: Python = "",
    tool: WhichTool = Tool.alembic,
    upgrade_command: Upgrade = "",
    timeout: Timeout = 300,
    form: Form = Format.text,
    as_json: Json = False,
) -> None:
    """Say whether the pending revisions may be released. Exit code 0: yes, 1: blocked, 2: could not be checked."""
    from tasks.migrations import local, told
    from tasks.migrations.fleet_file import read_fleet, starts

    try:
        known = read_fleet(fleet, start[0] if start and len(start) == 1 else None) if fleet else []
        standings = [*known, *starts(start or [], known)]
        sql = preamble.read_text(encoding="utf-8") if preamble else ""
        with working("running the migrations"):
            if tool is Tool.command:
                checked = local.check_command(upgrade_command, Path.cwd(), standings, postgres, sql, timeout)
            else:
                checked = local.check_alembic(alembic_config.resolve(), standings, to, postgres, python, sql, timeout)
    except (SlipwayError, OSError, UnicodeDecodeError) as error:
        raise not_checked(error) from error
    seen = told.as_json(checked)
    _print(seen, Format.json if as_json else form, {r.id: r.path for r in checked.history.revisions})
    raise typer.Exit(Exit.refused if seen["blocking"] else 0)


def not_checked(error: Exception) -> ConfigInvalid:
    """Whatever kept it from judging ends with 2: in a CI job nothing else may be taken for `blocked`."""
    if isinstance(error, SlipwayError):
        return ConfigInvalid(*error.reasons)
    if isinstance(error, OSError):
        return ConfigInvalid(of_machine(error))
    return ConfigInvalid.because(f"not UTF-8: {error}", "--preamble", "save the file as UTF-8")


@shown("slipway migrations explain drop_column", json="name, family, condition, effect, next_step, bad, good")
def explain(rule: RuleName = None, markdown: Markdown = False, as_json: Json = False) -> None:
    """Explain a rule, with an example that it stops and one that it lets pass."""
    from tasks.migrations.rules.every import RULES
    from tasks.migrations.rules.page import page, plain

    known = {r.name: r for r in RULES}
    if rule and rule not in known:
        like = get_close_matches(rule, known) or sorted(known)
        raise ConfigInvalid.because(f"there is no rule {rule}", "the argument RULE", f"there are {', '.join(like)}")
    chosen = [known[rule]] if rule else list(RULES)
    if as_json:
        words = [{"effect": plain(r.effect), "next_step": plain(r.next_step)} for r in chosen]
        print_json([r.model_dump(mode="json", include=set(EXPLAINED)) | w for r, w in zip(chosen, words, strict=True)])
    elif markdown:
        sys.stdout.write(page(chosen))
    else:
        _explain(chosen)


def _explain(rules: Iterable[Any]) -> None:
    from tasks.migrations.rules.page import plain

    for r in rules:
        out.print(f"[bold]{r.name}[/] ({r.family})", soft_wrap=True)
        told = {
            "when": r.condition,
            "effect": plain(r.effect),
            "next": plain(r.next_step),
            "bad": r.bad,
            "good": r.good,
        }
        say("\n".join(f"  {name + ':':<7} {text}" for name, text in told.items()) + "\n")


@shown("slipway migrations schema > findings.schema.json")
def schema() -> None:
    """Print the JSON Schema of what `check --json` writes."""
    from tasks.migrations.told import schema as published

    print_json(published())


def _print(seen: dict[str, Any], form: Format, paths: dict[str, str]) -> None:
    from tasks.migrations.told import github, gitlab

    if form is Format.json:
        print_json(seen)
    elif form is Format.gitlab:
        print_json(gitlab(seen, paths))
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


app = app_of("Judge database migrations by running them on a scratch PostgreSQL.")
add(app, "check", check, reads_config=False)
add(app, "explain", explain, reads_config=False)
add(app, "schema", schema, reads_config=False)
