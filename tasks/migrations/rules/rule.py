"""What a rule is: words for people, examples that are run as tests, and a question about one revision."""

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import ConfigDict

from tasks.migrations.catalogue import Change
from tasks.migrations.history import Step
from tasks.models import Finding, Value


class Hit(Value):
    """One place where a rule applies: the developer's own names, and what PostgreSQL said."""

    table: str
    column: str = ""
    new: str = ""
    evidence: str = ""

    @classmethod
    def of(cls, change: Change) -> "Hit":
        """The names of a catalogue change."""
        column = change.before or change.after
        new = change.new_name or (change.after.name if change.after else "")
        return cls(table=change.table, column=column.name if column else "", new=new, evidence=change.kind)


class Rule(Value):
    """`bad` and `good` are SQL on `orders (id, note, customer)` and `customers (id)`; `{table}`, `{column}`, `{new}` stand
    for the developer's names in `next_step`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    family: Literal["compatibility", "locks", "graph"]
    condition: str
    effect: str
    next_step: str
    bad: str
    good: str
    find: Callable[[Step], Iterable[Hit]]

    def findings(self, step: Step) -> list[Finding]:
        """What the rule finds in one revision; a revision that accepts the rule by name is not blocked by it."""
        accepted = step.revision.accepts.get(self.name, "")
        return [
            Finding(
                rule=self.name,
                family=self.family,
                blocking=not accepted,
                revision=step.revision.id,
                object=f"{hit.table}.{hit.column}" if hit.column else hit.table,
                effect=self.effect,
                evidence=hit.evidence,
                next_step=self.next_step.format(table=hit.table, column=hit.column, new=hit.new),
                accepted_because=accepted,
            )
            for hit in self.find(step)
        ]
