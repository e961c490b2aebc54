"""What every forge can do, in one vocabulary; `github.py`, `gitlab.py` and `gitea.py` say how."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

from tasks.models import PullRequest, StatusState

TIMEOUT_SECONDS = 30
"""For connecting, and for each silence while an answer is read."""


@dataclass(frozen=True)
class Found:
    """A pull request with its text, and as the forge's library has it."""

    pull_request: PullRequest
    title: str
    body: str
    raw: Any


class Client(Protocol):
    """One forge, for a `with` block. Every method raises `ForgeRefused` or `ServiceUnavailable` as `failures` says."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def head_of(self, branch: str) -> str | None:
        """Newest commit of a branch; None when there is no such branch."""

    def find(self, branch: str, base: str, head: str | None) -> list[Found]:
        """Those from this branch of this repository into base, newest first: open ones, and ended ones of that head.

        Those of a fork are left out, whatever their branch is called: anybody can open one. Without a head every ended
        one counts.
        """

    def create(self, branch: str, base: str, title: str, body: str) -> Found:
        """Opens one. Refused with 409 or 422 when there is one already."""

    def edit(self, found: Found, title: str, body: str) -> Found:
        """Sets title and body."""

    def read(self, number: int) -> Found:
        """One by its number."""

    def merge(self, found: Found) -> None:
        """Merges exactly `found`'s head when everything that the forge asks for is there, else leaves it open.

        Refused with 409 when the head has moved or the branches conflict.
        """

    def stop_merging(self, found: Found) -> None:
        """Takes back what `merge` may have scheduled."""

    def close(self, found: Found) -> None:
        """Ends it without a merge."""

    def comments(self, found: Found) -> list[str]:
        """Texts of the comments."""

    def comment(self, found: Found, text: str) -> None:
        """Adds a comment."""

    def set_status(self, commit: str, context: str, state: StatusState, description: str, url: str) -> None:
        """Sets one check of a commit."""
