"""What was found, in the forms that programs read: JSON, GitHub annotations, GitLab code quality."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.migrations.history import Step
from tasks.migrations.local import Checked
from tasks.models import Finding, Phase, Value


class Statement(Value):
    """One command that ran."""

    command: str = Field(description="PostgreSQL's command tag")
    sql: str = Field(description="the statement as it was sent, at most 2,000 characters")


class HeldLock(Value):
    """One lock that a revision held on a table that was there before it."""

    table: str
    mode: str


class RevisionTold(Value):
    """One pending revision and what it did."""

    revision: str
    phase: Phase
    seconds: float
    statements: tuple[Statement, ...]
    locks: tuple[HeldLock, ...]
    rewrites: tuple[str, ...]


class Told(Value):
    """The whole answer of `slipway migrations check --format json`."""

    blocking: bool
    phase: Phase
    from_: tuple[str | None, ...] = Field(alias="from", description="where customers stand; null: an empty database")
    to: str | None
    revisions: tuple[RevisionTold, ...]
    findings: tuple[Finding, ...]


def schema() -> dict[str, Any]:
    """The JSON Schema of `as_json`."""
    return Told.model_json_schema(mode="serialization", by_alias=True)


def as_json(checked: Checked) -> dict[str, Any]:
    """What scripts read; its schema is printed by `slipway migrations schema`."""
    report = checked.report
    steps = {step.revision.id: step for run in checked.history.runs for step in run.steps}
    order = [r.id for r in checked.history.revisions if r.id in steps] + [
        i for i in steps if i not in {r.id for r in checked.history.revisions}
    ]
    told = [_revision(steps[i], report.phases[i]) for i in order]
    phases = {r.phase for r in told}
    overall: Phase = "contract" if "contract" in phases else "expand" if "expand" in phases else "none"
    return Told(
        blocking=any(f.blocking for f in report.findings),
        phase=overall,
        **{"from": report.starts},
        to=report.head,
        revisions=tuple(told),
        findings=report.findings,
    ).model_dump(mode="json", by_alias=True)


def _revision(step: Step, phase: Phase) -> RevisionTold:
    names = {t.oid: t.name for snapshot in (step.after, step.before) for t in snapshot.tables}
    locks = {(names[k.oid], k.mode) for e in step.events for k in e.locks if step.old(k.oid)}
    return RevisionTold(
        revision=step.revision.id,
        phase=phase,
        seconds=round(step.seconds, 4),
        statements=tuple(
            Statement(command=e.tag, sql=(e.query or "")[:2000]) for e in step.events if e.kind in ("command", "rows")
        ),
        locks=tuple(HeldLock(table=table, mode=mode) for table, mode in sorted(locks)),
        rewrites=tuple(
            dict.fromkeys(names.get(o.oid or 0, "") for e in step.events if e.kind == "rewrite" for o in e.objects)
        ),
    )


def github(seen: Mapping[str, Any], paths: Mapping[str, str]) -> list[str]:
    """A workflow command for each finding (GitHub: Workflow commands for GitHub Actions)."""
    lines = []
    for f in seen["findings"]:
        level = "error" if f["blocking"] else "notice"
        place = f"file={_escaped(_relative(paths[f['revision']]))},line=1," if paths.get(f["revision"]) else ""
        message = "\n".join(
            part
            for part in (f"{f['object']}: {f['effect']}".lstrip(": "), f["evidence"], f"next: {f['next_step']}")
            if part
        )
        lines.append(f"::{level} {place}title={_escaped(f['rule'])}::{_message(message)}")
    return lines


def gitlab(seen: Mapping[str, Any], paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """A code quality report (GitLab: Code Quality, implement a custom tool)."""
    return [
        {
            "description": f"{f['object']}: {f['effect']}; {f['next_step']}".lstrip(": "),
            "check_name": f["rule"],
            "fingerprint": hashlib.sha256(
                "\0".join((f["rule"], f["revision"], f["object"], f["effect"])).encode()
            ).hexdigest(),
            "severity": "blocker" if f["blocking"] else "info",
            "location": {"path": _relative(paths.get(f["revision"], "")) or "alembic.ini", "lines": {"begin": 1}},
        }
        for f in seen["findings"]
    ]


def _relative(path: str) -> str:
    return os.path.relpath(path, Path.cwd()) if path else ""


def _message(text: str) -> str:
    """GitHub reads %0A as a line end."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
