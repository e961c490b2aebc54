"""A revision commits part of its work, and cannot be run again when the rest fails."""

import re

from tasks.migrations.history import Event, Step
from tasks.migrations.rules.rule import Hit, Rule

REPEATABLE = re.compile(r"\bIF\s+(NOT\s+)?EXISTS\b|\bOR\s+REPLACE\b", re.IGNORECASE)
MAKING = ("CREATE", "DROP")


def find(step: Step) -> list[Hit]:
    """Commands that make or drop something, in a transaction of their own before the one that ends the revision."""
    last = next((e.transaction for e in reversed(step.events) if e.kind != "end"), "")
    early = [e for e in step.events if e.kind == "command" and e.transaction != last and not _again(e)]
    name = next((o.name.split(".")[-1] for e in early for o in e.objects), "")
    return [Hit(table=name, evidence=f"{early[0].tag} is committed before the revision ends")] if early else []


def _again(event: Event) -> bool:
    """Whether the command may be run a second time: it says so, or makes and drops nothing."""
    return (
        not event.tag.startswith(MAKING)
        and "ADD" not in (event.query or "").upper()
        or bool(REPEATABLE.search(event.query or ""))
    )


RULE = Rule(
    name="not_repeatable",
    family="graph",
    condition="a revision makes or drops something in a transaction of its own, without IF NOT EXISTS or IF EXISTS",
    effect="when it fails later on, it cannot be run again: what it made is there already",
    next_step="say IF NOT EXISTS or IF EXISTS for {table} (if_not_exists=True), or give it a revision of its own",
    bad="CREATE INDEX CONCURRENTLY orders_note ON orders (note);; ALTER TABLE orders ADD COLUMN size int",
    good="CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_note ON orders (note);; ALTER TABLE orders ADD COLUMN size int",
    find=find,
    blocks="no",
)
