"""What running a commit's migrations from an empty database showed: its revisions, in order, and the schema after each."""

from tasks.migrations.catalogue import Snapshot
from tasks.models import Reason, Value


class Revision(Value):
    """One revision of the commit."""

    id: str
    parents: tuple[str, ...] = ()
    path: str = ""
    accepts: dict[str, str] = {}


class History(Value):
    """Revisions from the first to the head, the snapshot after each, and what stands against releasing them."""

    revisions: tuple[Revision, ...] = ()
    snapshots: tuple[Snapshot, ...] = (Snapshot(),)
    problems: tuple[Reason, ...] = ()

    @property
    def head(self) -> str | None:
        """The last revision; None without any."""
        return self.revisions[-1].id if self.revisions else None

    def pending(self, start: str | None) -> tuple[Revision, ...]:
        """The revisions that a database at `start` still has to run, in order."""
        done = self._with_ancestors(start)
        return tuple(r for r in self.revisions if r.id not in done)

    def _with_ancestors(self, revision: str | None) -> set[str]:
        parents, done, waiting = {r.id: r.parents for r in self.revisions}, set(), [revision] if revision else []
        while waiting:
            current = waiting.pop()
            if current not in done:
                done.add(current)
                waiting += parents.get(current, ())
        return done

    def after(self, revision: str | None) -> Snapshot:
        """The schema after a revision; of the empty database for None."""
        return next((s for s in self.snapshots if s.revision == (revision or "")), Snapshot())

    def before(self, revision: str) -> Snapshot:
        """The schema that a revision began with."""
        ids = [s.revision for s in self.snapshots]
        return self.snapshots[ids.index(revision) - 1]
