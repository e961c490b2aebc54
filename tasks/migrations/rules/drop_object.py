"""A function, type, sequence or schema is dropped or renamed that running code may use."""

from tasks.migrations.catalogue import Object, Snapshot
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, cannot_tell


def find(step: Step) -> list[Hit]:
    """What is made again under the same name is no loss; a function may gain arguments that have defaults."""
    return [
        Hit(table=o.title, evidence=f"{o.kind} {o.title} is gone", oid=o.oid)
        for o in step.start.objects
        if o.kind != "extension" and not any(_as_good(o, n) for n in step.after.objects) and not _unused(o, step.start)
    ]


def _as_good(old: Object, new: Object) -> bool:
    if (old.kind, old.name) != (new.kind, new.name):
        return False
    if old.kind not in ("function", "procedure", "aggregate"):
        return True
    takes = new.needed <= len(old.labels) and new.labels[: len(old.labels)] == old.labels
    return takes and new.result == old.result


def _unused(old: Object, start: Snapshot) -> bool:
    """A trigger's function is called by its trigger only, and a type that no column has by nobody who reads rows."""
    if old.result == "trigger":
        return True
    return old.kind in ("enum", "domain") and not any(
        old.name in c.type.removeprefix("public.") for t in start.tables for c in t.columns
    )


RULE = Rule(
    name="drop_object",
    family="compatibility",
    condition="a revision drops or renames a function, procedure, type, sequence or schema that was there before the release, or changes "
    "what a function takes or returns",
    effect="code that still runs at customers fails when it uses it",
    next_step='release code that no longer uses {table}; drop it in a later revision with slipway_accept = {{"drop_object": "why it is unused"}}',
    bad="DROP FUNCTION twice",
    good="CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n + n'",
    find=find,
    harms=cannot_tell,
)
