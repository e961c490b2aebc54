"""A strong lock is waited for without a limit."""

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule


def find(step: Step) -> list[Hit]:
    """The setting that was in force is recorded with each command; 0 waits for ever."""
    for event in (e for e in step.events if e.kind == "command" and e.lock_timeout == "0"):
        for table in step.old_tables:
            if "AccessExclusiveLock" in event.modes(table) and not table.is_view:
                return [Hit.on(table, f"{event.tag} took AccessExclusiveLock on {table.name} with lock_timeout = 0")]
    return []


RULE = Rule(
    name="missing_lock_timeout",
    family="locks",
    condition="a revision locks a table that was there before the release without a lock_timeout",
    effect="while it waits for one long query of {table}, everyone else waits behind it",
    next_step="set it once in env.py: connection.execute(text(\"SET lock_timeout = '5s'\")), and let the migration job try again",
    bad="ALTER TABLE orders ADD COLUMN size int",
    good="SET lock_timeout = '5s'; ALTER TABLE orders ADD COLUMN size int",
    given=("SET lock_timeout = 0",),
    find=find,
    blocks="no",
)
