"""Whether the downgrades of what was upgraded lead back to where they came from. They warn: code is rolled back, not schemas."""

from collections.abc import Sequence
from typing import Any

from tasks.migrations.catalogue import Snapshot
from tasks.migrations.history import Run
from tasks.migrations.problem import problem
from tasks.models import Finding

NEXT_STEP = "write downgrade() as the inverse of upgrade(), or leave it: a release is rolled back by its code"


def backwards(run: Run, back: Sequence[Snapshot], warnings: list[dict[str, Any]]) -> list[Finding]:
    """The revisions whose downgrade raises, does nothing, or leaves something else than there was."""
    if warnings:
        revision = next((r for r in run.revisions if r.id == warnings[0]["revision"]), run.revisions[-1])
        absent = "has no attribute 'downgrade'" in warnings[0]["what"]
        what = "there is no downgrade()" if absent else f"downgrade() fails: {warnings[0]['what']}"
        where = revision.path if absent else warnings[0]["where"]
        return [problem("downgrade_missing", what, where, NEXT_STEP, revision.id, blocking=False)]
    for step, now in zip(reversed(run.steps), back, strict=False):
        if _shape(now) == _shape(step.before):
            continue
        nothing = _shape(now) == _shape(step.after)
        rule = "downgrade_missing" if nothing else "downgrade_incomplete"
        what = "downgrade() does nothing" if nothing else "downgrade() does not lead back to the schema before"
        return [
            problem(rule, what, step.revision.path, NEXT_STEP, step.revision.id, blocking=False)
        ]  # those before inherit it
    return []


def _shape(snapshot: Snapshot) -> object:
    """The schema by names: oids and the order of columns differ in what was made anew."""
    tables = {
        t.name: (
            {(c.name, c.type, c.required, c.default, c.identity, c.generated) for c in t.columns},
            {(k.name, k.definition) for k in t.constraints},
            {(i.name, i.unique) for i in t.indexes},
            {g.definition for g in t.triggers},
        )
        for t in snapshot.tables
    }
    return tables, {(o.kind, o.title, o.labels) for o in snapshot.objects}
