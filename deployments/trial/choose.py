"""Which suites are meant by the names that were given."""

from collections.abc import Sequence

from tasks.config.model import Config
from tasks.errors import ConfigInvalid
from tasks.models import Value
from tasks.suites import end_to_end

END_TO_END = "e2e"


class Chosen(Value):
    """A suite of a component, or a part of the end-to-end one: `smoke`, `smoke firefox 1 of 2`."""

    component: str
    suite: str

    def __str__(self) -> str:
        if self.component == END_TO_END:
            return f"{END_TO_END}{self.suite.removeprefix('smoke')}"
        return f"{self.component}/{self.suite}"


def choose(config: Config, names: Sequence[str]) -> list[Chosen]:
    """`COMPONENT/SUITE`, `COMPONENT` for all of its suites, `e2e` for all of its parts; no name: every suite of every component.

    Raises `ConfigInvalid` for a name that is nobody's, with those that there are.
    """
    every = [Chosen(component=c, suite=s) for c, settings in config.components.items() for s in settings.suites]
    parts = end_to_end.parts(config) if config.e2e else ()
    known = [*every, *(Chosen(component=END_TO_END, suite=part.of("smoke")) for part in parts)]
    wanted = [c for c in known if str(c) in names or c.component in names] if names else every
    unknown = [n for n in names if n not in [*map(str, known), *(c.component for c in known)]]
    if unknown or not wanted:
        raise ConfigInvalid.because(
            f"there is no suite {', '.join(unknown)}" if unknown else "there are no suites",
            "the argument SUITE" if unknown else "release.yaml",
            f"there are {', '.join(map(str, known)) or 'none'}",
        )
    return wanted
