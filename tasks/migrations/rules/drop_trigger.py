"""A trigger that running code counts on goes away."""

import re

from tasks.migrations.catalogue import Trigger
from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table


def find(step: Step) -> list[Hit]:
    """A trigger that is made again is none the less there; one that goes with its table is the table's loss."""
    hits = []
    for table in step.start.tables:
        now = step.after.table(table.oid)
        left = {_when(t) for t in now.triggers if t.active} if now else {_when(t) for t in table.triggers}
        gone = [t for t in table.triggers if t.active and _when(t) not in left]
        hits += [Hit.on(table, f"trigger {t.name} is gone, disabled, or fires at other times", t.name) for t in gone]
    return hits


def _when(trigger: Trigger) -> str:
    """The trigger without the function that it calls: code cannot tell one function from a better one."""
    return re.sub(r" ON \S+ ", " ON it ", trigger.definition.partition(" EXECUTE ")[0])


RULE = Rule(
    name="drop_trigger",
    family="compatibility",
    condition="a revision drops, renames or disables a trigger that was there before the release",
    effect="what the trigger did for code that still runs at customers is no longer done",
    next_step="keep {new} of {table} until no customer runs code that leaves its work to it",
    bad="DROP TRIGGER orders_stamp ON orders",
    good="DROP TRIGGER orders_stamp ON orders; CREATE TRIGGER orders_stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
    find=find,
    harms=maps_table,
)
