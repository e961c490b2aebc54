"""Whether the revision that a customer was synced to carries this release."""

from collections.abc import Callable

from tasks.errors import Superseded
from tasks.rollout.sight import short

Carries = Callable[[str], bool]
"""GitOps revision (40 hex) -> whether it is the release's commit or a descendant with the same digests for the customer.

May raise `ServiceUnavailable`, and `Superseded` for a descendant that carries other digests: a bool cannot tell that
from a revision that is still older.
"""


class Synced:
    """The question of one customer, with what is already known: a commit never changes, so each yes is kept."""

    def __init__(self, customer: str, commit: str, carries: Carries) -> None:
        self._customer, self._carries = customer, carries
        self._known = {commit} if commit else set()
        self._seen = ""

    def carries(self, revision: str) -> bool:
        """Raises `Superseded` when the revision came after the release and took it away again."""
        try:
            good = revision in self._known or self._carries(revision)
        except Superseded as error:
            raise self._superseded(revision) from error
        if good:
            self._known.add(revision)
            self._seen = revision
        elif self._seen:
            raise self._superseded(revision)
        return good

    def _superseded(self, revision: str) -> Superseded:
        return Superseded.because(
            f"superseded: it was moved on to {revision}, which carries other digests",
            f"GitOps revision {short(revision)}",
            "nothing where a newer release came; otherwise see who made that commit, then release again",
        )  # type: ignore[return-value]
