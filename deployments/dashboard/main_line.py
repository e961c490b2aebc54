"""The app's main as the dashboard needs it: which commits it has, when they were made, and how far apart they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.git import Mirror
from tasks.models import CommitId, Value

NEWEST = 5000


class Made(Value):
    """One commit of main: how many are newer, when it was made (seconds since 1970), its subject."""

    place: int
    when: int
    subject: str


@dataclass(frozen=True)
class MainLine:
    """The newest commits of main's first-parent line; empty when the app's repository was never seen."""

    tip: CommitId | None = None
    commits: Mapping[CommitId, Made] = field(default_factory=dict)

    def made(self, commit: CommitId | None) -> Made | None:
        """What is known of a commit."""
        return self.commits.get(commit or "")

    def between(self, older: CommitId | None, newer: CommitId | None) -> int | None:
        """How many commits came after `older` up to `newer`; None when one of them is not known."""
        old, new = self.made(older), self.made(newer)
        return old.place - new.place if old and new else None


def read_main(mirror: Mirror, tip: CommitId, before: MainLine) -> MainLine:
    """Main at a commit that is in the mirror. Raises `GitFailed`."""
    if before.tip == tip:
        return before
    how = ["log", "--first-parent", f"--max-count={NEWEST}", "--format=%H%x00%ct%x00%s"]
    lines = mirror.run(*how, tip).split("\n")
    parts = (line.split("\0", 2) for line in lines if line.count("\0") >= 2)
    made = {c: Made(place=n, when=int(when), subject=subject) for n, (c, when, subject) in enumerate(parts)}
    return MainLine(tip, made)
