"""Whether the revision that a customer was synced to carries this release."""

from collections.abc import Callable

from tasks.errors import Superseded
from tasks.models import Reason
from tasks.rollout.sight import short

Carries = Callable[[str], bool]
"""GitOps revision (40 hex) -> whether it is the release's commit or a descendant with the same digests for the customer.

May raise `ServiceUnavailable`, and `Superseded` for a descendant that carries other digests: a bool cannot tell that
from a revision that is still older.
"""


class Synced:
    """The question of one customer, with what is already known: a commit never changes, so each yes is kept.

    A revision that once carried and then does not is no proof of a newer release: Argo CD may compare with an older
    commit again, from its cache. Only git knows, so only `Superseded` from `carries` ends the wait.
    """

    def __init__(self, customer: str, commit: str, carries: Carries) -> None:
        self._customer, self._carries = customer, carries
        self._known = {commit} if commit else set()

    def carries(self, revision: str) -> bool:
        """Raises `Superseded` when the revision came after the release and took its digests away again."""
        if revision in self._known:
            return True
        try:
            good = self._carries(revision)
        except Superseded as error:
            raise Superseded(
                Reason(
                    what=f"superseded: it was moved on to {revision}, which carries other digests",
                    where=f"GitOps revision {short(revision)}",
                    next_step="nothing where a newer release came; otherwise see who made that commit, then release again",
                )
            ) from error
        if good:
            self._known.add(revision)
        return good
