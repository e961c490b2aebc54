"""What a rule is: words for people, examples that are run as tests, and a question about one change."""

from collections.abc import Callable

from pydantic import ConfigDict

from tasks.migrations.catalogue import Change
from tasks.models import Value


class Rule(Value):
    """`bad` and `good` are SQL on a table `orders (id, note)`; `{table}`, `{column}`, `{new}` stand for the developer's names."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    condition: str
    effect: str
    next_step: str
    bad: str
    good: str
    found: Callable[[Change], bool]

    def next_for(self, change: Change) -> str:
        """The next step with the names of this change filled in."""
        column = (change.before or change.after).name if change.before or change.after else ""
        new = change.new_name or (change.after.name if change.after else "")
        return self.next_step.format(table=change.table, column=column, new=new)
