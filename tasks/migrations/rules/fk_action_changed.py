"""A foreign key does something else than before when the row it points to goes."""

import re

from tasks.migrations.history import Step
from tasks.migrations.rules.rule import Hit, Rule, maps_table

ACTION = re.compile(r"ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT|RESTRICT)")


def find(step: Step) -> list[Hit]:
    """Foreign keys are known by their columns: to change the action one has to be made anew."""
    hits = []
    for table in step.start.tables:
        now = step.after.table(table.oid)
        after = {k.columns: k for k in now.constraints if k.kind == "f"} if now else {}
        for key in (k for k in table.constraints if k.kind == "f" and k.columns in after):
            old, new = (ACTION.findall(k.definition) for k in (key, after[key.columns]))
            if lost := [action for action in old if action not in new]:
                hits.append(Hit.on(table, f"{key.name} no longer says {', '.join(lost)}", key.name))
    return hits


RULE = Rule(
    name="fk_action_changed",
    family="compatibility",
    condition="a revision takes ON DELETE or ON UPDATE away from a foreign key that was there before the release",
    effect="a DELETE or UPDATE of code that still runs at customers, and counts on it, fails",
    next_step="keep the action of {new} of {table} until no customer runs code that leaves it to the database",
    bad="ALTER TABLE lines DROP CONSTRAINT lines_order; ALTER TABLE lines ADD CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES orders NOT VALID",
    good="ALTER TABLE lines DROP CONSTRAINT lines_order; "
    "ALTER TABLE lines ADD CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE NOT VALID",
    find=find,
    harms=maps_table,
)
