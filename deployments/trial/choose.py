"""Which suites are meant by the names that were given."""

from collections.abc import Sequence

from tasks.config.model import Config
from tasks.errors import ConfigInvalid
from tasks.models import Value

END_TO_END = "e2e"


class Chosen(Value):
    """A suite of a component; `e2e smoke` is the end-to-end one."""

    component: str
    suite: str

    def __str__(self) -> str:
        return END_TO_END if self.component == END_TO_END else f"{self.component}/{self.suite}"


def choose(config: Config, names: Sequence[str]) -> list[Chosen]:
    """`COMPONENT/SUITE`, `COMPONENT` for all of its suites, `e2e`; no name: every suite of every component.

    Raises `ConfigInvalid` for a name that is nobody's, with those that there are.
    """
    every = [Chosen(component=c, suite=s) for c, settings in config.components.items() for s in settings.suites]
    known = [*every, *([Chosen(component=END_TO_END, suite="smoke")] if config.e2e else [])]
    wanted = [c for c in known if str(c) in names or c.component in names] if names else every
    unknown = [n for n in names if n not in [*map(str, known), *(c.component for c in known)]]
    if unknown or not wanted:
        raise ConfigInvalid.because(
            f"there is no suite {', '.join(unknown)}" if unknown else "there are no suites",
            "the argument SUITE" if unknown else "release.yaml",
            f"there are {', '.join(map(str, known)) or 'none'}",
        )
    return wanted
