"""A Dockerfile as far as a build's answer needs it: what stands on which line, its targets, what only BuildKit understands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

MAX_LINES = 20_000
HEREDOC = re.compile(r"(?<!\S)\d*<<-?\s*[\"']?([A-Za-z_]\w*)")
DIRECTIVE = re.compile(r"#\s*(syntax|check|escape)\s*=\s*(\S+)", re.IGNORECASE)
PLATFORM_ARGUMENT = re.compile(r"(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT)\b")
# Source: the Dockerfile reference; what of it the classic builder does not know.
FLAGS = {
    "RUN": ("--mount", "--network", "--security", "--device"),
    "COPY": ("--link", "--parents", "--exclude", "--chmod"),
    "ADD": ("--link", "--exclude", "--chmod", "--checksum", "--keep-git-dir", "--unpack"),
    "FROM": ("--platform",),
}


@dataclass(frozen=True)
class Instruction:
    """One instruction with the line it begins on (from 1), continued lines joined."""

    line: int
    keyword: str
    rest: str

    def __str__(self) -> str:
        return f"{self.keyword} {self.rest}"


def instructions(text: str) -> list[Instruction]:
    """Every instruction, in order; the lines of a here-document belong to the one that begins it."""
    return list(_instructions(text))


def _instructions(text: str) -> Iterator[Instruction]:
    escape = "`" if re.match(r"(\s*#.*\n)*?\s*#\s*escape\s*=\s*`", text, re.IGNORECASE) else "\\"
    held, first, end = "", 0, ""
    for number, line in enumerate(text.splitlines()[:MAX_LINES], 1):
        if end:
            end = "" if line.strip() == end else end
            continue
        if line.lstrip().startswith("#") or not (line.strip() or held):
            continue
        first = first or number
        continued = line.rstrip().endswith(escape)
        held += line.rstrip().removesuffix(escape) if continued else line.rstrip()
        if continued:
            continue
        keyword, _, rest = held.strip().partition(" ")
        heredoc = HEREDOC.search(rest) if keyword.upper() in ("RUN", "COPY", "ADD") else None
        end = heredoc[1] if heredoc else ""
        yield Instruction(first, keyword.upper(), rest.strip())
        held, first = "", 0


def needs_buildkit(text: str) -> tuple[int, str] | None:
    """Line and words of the first thing that only BuildKit understands; None when the classic builder can build it."""
    for number, line in enumerate(text.splitlines()[:MAX_LINES], 1):
        if not line.strip().startswith("#"):
            break
        if (directive := DIRECTIVE.match(line.strip())) and directive[1].lower() != "escape":
            return number, f"# {directive[1].lower()}="
    return next(((i.line, f"{i.keyword} {what}") for i in instructions(text) if (what := _only_buildkit(i))), None)


def _only_buildkit(instruction: Instruction) -> str:
    keyword, rest = instruction.keyword, instruction.rest
    flags = [word.partition("=")[0] for word in takewhile(lambda word: word.startswith("--"), rest.split())]
    if found := next((flag for flag in flags if flag in FLAGS.get(keyword, ())), ""):
        return found
    if keyword in ("RUN", "COPY", "ADD") and (heredoc := HEREDOC.search(rest)):
        return heredoc[0]
    return rest if keyword == "ARG" and PLATFORM_ARGUMENT.match(rest) else ""


def targets(text: str) -> list[str]:
    """Names of the stages that can be asked for."""
    words = [i.rest.split() for i in instructions(text) if i.keyword == "FROM"]
    return [w[-1] for w in words if len(w) > 2 and w[-2].upper() == "AS"]


def line_of_step(text: str, step: str) -> int | None:
    """Line of the instruction that a builder shows as this step; white space is not the same on both sides."""
    wanted = "".join(step.split())
    return next((i.line for i in instructions(text) if "".join(str(i).split()) == wanted), None) if wanted else None


def line_of_image(text: str, image: str) -> int | None:
    """Line that names an image: FROM, COPY --from, or the `# syntax` at the top."""
    short = re.sub(r"^docker\.io/(library/)?", "", image).removesuffix(":latest")
    lines = enumerate(text.splitlines()[:MAX_LINES], 1)
    return next((n for n, line in lines if short in line and (line[:1] != "#" or DIRECTIVE.match(line))), None)
