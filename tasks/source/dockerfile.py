"""A Dockerfile as far as a release needs it: its stages, and what the deployed one says of itself."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TESTING = ("test", "tests", "testing", "ci")
PERHAPS_TESTING = ("dev", "development", "builder", "build")
DEPLOYED = ("production", "prod", "runtime", "release", "final", "runner", "app")
TARGET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAX_LINES = 5_000
MOUNTED = re.compile(r"(?:source|src)=([^\s,]+)")
HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
Instruction = tuple[str, str]


@dataclass(frozen=True)
class Stage:
    """One `FROM ... AS name` with the instructions below it, keywords in capitals."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Dockerfile:
    """The stages in their order; `arguments` are the ARG and ENV values of the whole file."""

    stages: Sequence[Stage]
    arguments: dict[str, str]

    @property
    def deployed(self) -> Stage | None:
        """The last stage, unless that one is for tests: then the one whose name says that it is deployed."""
        if not self.stages or self.stages[-1].name not in TESTING:
            return self.stages[-1] if self.stages else None
        others = [s for s in self.stages if s.name not in TESTING]
        named = [s for s in others if s.name in DEPLOYED]
        return (named or others or list(self.stages))[-1]

    def test_target(self) -> tuple[str, bool] | None:
        """Name of the stage with the test tools, and whether its name says so."""
        names = {s.name for s in self.stages if TARGET.fullmatch(s.name)}
        for known, sure in ((TESTING, True), (PERHAPS_TESTING[:2], False)):
            if found := next((n for n in known if n in names), None):
                return found, sure
        return None

    def values(self, keyword: str) -> list[str]:
        """What an instruction says in the deployed stage and those it is made from, the nearest first."""
        return [value for stage in self._line() for key, value in reversed(stage.instructions) if key == keyword]

    def _taken(self) -> list[str]:
        found: list[str] = []
        for stage in self.stages:
            for key, value in stage.instructions:
                if key in ("COPY", "ADD") and "--from" not in value:
                    words = [w for w in re.sub(r"[\[\]\",]", " ", value).split() if not w.startswith("--")]
                    found += [w.removeprefix("./").strip("/") for w in words[:-1]]
                elif key == "RUN":
                    binds = [m for m in re.findall(r"--mount=(\S*type=bind\S*)", value) if "from=" not in m]
                    found += [s.removeprefix("./").strip("/") for m in binds for s in MOUNTED.findall(m)]
        return [f for f in found if "://" not in f]

    def sources(self) -> list[str]:
        """Paths of the context that COPY, ADD and mounts take, in any stage; without those out of other stages."""
        return [f for f in self._taken() if f and f != "." and not set(f) & set("*?$<")]

    @property
    def copies_more(self) -> bool:
        """Whether it takes all of the context, or what only a build can tell."""
        return any(not f or f == "." or set(f) & set("*?$<") for f in self._taken())

    def resolve(self, text: str) -> str:
        """The text with ${NAME} replaced by what ARG or ENV says."""
        return re.sub(r"\$\{?(\w+)(?::-(\w+))?\}?", lambda m: self.arguments.get(m[1], m[2] or m[0]), text)

    def _line(self) -> Iterator[Stage]:
        stage, named = self.deployed, {s.name: s for s in self.stages if s.name}
        seen: set[int] = set()
        while stage and id(stage) not in seen:
            seen.add(id(stage))
            yield stage
            stage = named.get(stage.base)


def parse(text: str) -> Dockerfile:
    """Reads a Dockerfile; what is none has no stages."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for keyword, value in _instructions(text):
        if keyword == "FROM":
            words = [w for w in value.split() if not w.startswith("--")]
            alias = words[2].lower() if len(words) > 2 and words[1].upper() == "AS" else ""
            stages.append(Stage(words[0] if words else "", alias))
        elif stages:
            stages[-1].instructions.append((keyword, value))
        if keyword in ("ARG", "ENV"):
            arguments |= {k: v.strip("\"'") for k, v in re.findall(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S+)", value)}
    return Dockerfile(stages, arguments)


def _instructions(text: str) -> Iterator[Instruction]:
    """Keyword in capitals and the rest, with continued lines joined, without comments."""
    held: list[str] = []
    heredocs: list[str] = []
    lines = text.split("\n")[:MAX_LINES]
    for number, line in enumerate(lines, 1):
        if heredocs:  # their lines are files or scripts, not instructions
            heredocs = heredocs[1:] if line.lstrip("\t").rstrip() == heredocs[0] else heredocs
            continue
        if line.lstrip().startswith("#"):
            continue
        held.append(line.rstrip().removesuffix("\\").strip())
        if line.rstrip().endswith("\\"):
            continue
        keyword, rest = (*" ".join(filter(None, held)).split(maxsplit=1), "", "")[:2]
        held = []
        heredocs = HEREDOC.findall(rest) if keyword.upper() in ("RUN", "COPY", "ADD") else []
        # One that no line ends is none: `1<<10` must not hide the stages behind it.
        heredocs = [end for end in heredocs if end in (later.strip() for later in lines[number:])]
        if keyword.isalpha():
            yield keyword.upper(), rest.strip()
