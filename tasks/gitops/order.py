"""Which release is newer: ancestry on the app's main, never time; each pair is asked of git once."""

from typing import Literal

from tasks.config.model import Config
from tasks.git import Mirror

Place = Literal["same", "older", "newer", "aside", "unknown"]


class Order:
    """Where other commits of the app stand to one of them."""

    def __init__(self, config: Config, commit: str) -> None:
        """Brings the commit here when it is not: a retried run may go on where nothing has been fetched yet."""
        self.commit, self.mirror = commit, app_mirror(config, commit)
        self._known: dict[str, Place] = {}
        self._paths = sorted({c.path for c in config.components.values()})
        self._overtaken: dict[str, bool] = {}

    def of(self, other: str) -> Place:
        """Whether `other` is an ancestor of the commit (older), a descendant (newer), or on no line with it."""
        if other not in self._known:
            self._known[other] = self._place(other)
        return self._known[other]

    def overtakes(self, older: str) -> bool:
        """Whether main had anything else in the components' folders between an older commit and this one, or in this one.

        A release of that may be under way still: when it was taken back, nothing but the order tells that it is too late.
        """
        if older not in self._overtaken:
            between = ["rev-list", "--first-parent", "--max-count=1", f"{older}..{self.commit}"]
            self._overtaken[older] = bool(self.mirror.run(*between, "--", *(p for p in self._paths if p != ".")))
        return self._overtaken[older]

    def _place(self, other: str) -> Place:
        if other == self.commit:
            return "same"
        if not self.mirror.has_commit(other):
            return "unknown"
        if self.mirror.is_ancestor(other, self.commit):
            return "older"
        return "newer" if self.mirror.is_ancestor(self.commit, other) else "aside"


def app_mirror(config: Config, commit: str) -> Mirror:
    """The app's mirror with this commit in it, fetched when it is not there."""
    return Mirror.holding(config.app.repository, config.app.branch, commit)


def left_main(config: Config, commit: str) -> str:
    """Empty while main still has the commit; else where main is now: somebody rewound it since the release began."""
    mirror = Mirror.open(config.app.repository)
    tip = mirror.tip(config.app.branch)
    return "" if mirror.is_ancestor(commit, tip) else tip
