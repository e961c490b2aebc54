"""The commands of a guide, taken out of its Markdown and run as a reader runs them: word for word, in order.

A block `console` holds commands after `$ ` (`> ` goes on with one), each followed by what is seen. In what is seen `...` stands for any
text, alone on a line for any lines; commits, digests and seconds are examples; `RUN` is a run's id, which later commands get.
A command ends with 0, unless the next one is `echo $?`. `title="second terminal"` is another shell; a block that begins without `$ `
goes on with what the terminal's last command prints. Other blocks with a title are files: `diff` changes lines of one, the rest is all of it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FENCE = re.compile(
    r"^```(?P<language>\w+)?(?: title=\"(?P<title>[^\"]+)\")?[^\n]*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
FIRST = "terminal"
# What differs from one run to the next, and what stands for it.
VARIES = re.compile(
    r"(?P<any>\.\.\.)|(?P<run>\bRUN\b)|(?P<hex>\b(?=[a-f]*[0-9])[0-9a-f]{7,64}\b)|(?P<seconds>\b\d+(?:\.\d+)?(?= s\b))"
)
# The word itself, where a text speaks of any run, or the id of one.
NAMED = "(?:RUN|(?P<RUN>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))"
AGAIN = "(?:RUN|(?P=RUN))"
PATTERNS = {"any": ".*", "run": NAMED, "hex": "[0-9a-f]{7,64}", "seconds": r"\d+(?:\.\d+)?"}


@dataclass
class Command:
    """One command of a guide, where it stands, and the lines that are seen; `further` those of a later block."""

    text: str
    line: int
    terminal: str = FIRST
    seen: list[str] = field(default_factory=list)
    further: list[str] | None = None


@dataclass
class File:
    """A file that the reader writes, or (`diff`) changes."""

    name: str
    line: int
    text: str
    diff: bool


@dataclass
class GoesOn:
    """From here on a command that was left running is looked at again."""

    command: Command


Step = Command | File | GoesOn


def steps(markdown: str) -> list[Step]:
    """What a reader does, in order."""
    found: list[Step] = []
    last: dict[str, Command] = {}
    for block in FENCE.finditer(markdown):
        line = markdown.count("\n", 0, block.start()) + 2
        language, title, text = block["language"] or "", block["title"] or "", block["text"]
        if language == "console":
            found += _commands(text.splitlines(), line, title or FIRST, last)
        elif title:
            found.append(File(title, line, text, language == "diff"))
    return found


def _commands(lines: Iterable[str], start: int, terminal: str, last: dict[str, Command]) -> Iterator[Step]:
    begun = False
    for number, line in enumerate(lines, start):
        if line.startswith("$ "):
            last[terminal], begun = Command(line[2:], number, terminal), True
            yield last[terminal]
        elif line.startswith("> ") and begun and not last[terminal].seen:
            last[terminal].text += f"\n{line[2:]}"
        elif begun:
            last[terminal].seen.append(line)
        else:
            command = last[terminal]
            if command.further is None:
                command.further = []
                yield GoesOn(command)
            command.further.append(line)


def difference(shown: Iterable[str], came: list[str], known: dict[str, str]) -> str:
    """How the lines that came differ from those that the guide shows; empty when they do not. Learns what RUN is."""
    shown = list(shown)
    found = re.fullmatch(_pattern(shown), "".join(f"{line.rstrip()}\n" for line in came))
    if found is None:
        return "the guide shows\n" + _indented(shown) + "\nand what came is\n" + _indented(came)
    known.update({name: value for name, value in found.groupdict().items() if value})
    return ""


def _pattern(shown: Iterable[str]) -> str:
    """The regular expression of all these lines; `RUN` is one and the same run in all of them."""
    lines = ("(?:.*\n)*?" if line.strip() == "..." else f"{_line(line.rstrip())}\n" for line in shown)
    first, *others = "".join(lines).split(NAMED)
    return first + "".join(f"{AGAIN if n else NAMED}{part}" for n, part in enumerate(others))


def _line(line: str) -> str:
    parts, place = [], 0
    for found in VARIES.finditer(line):
        parts += [re.escape(line[place : found.start()]), PATTERNS[found.lastgroup or ""]]
        place = found.end()
    return "".join([*parts, re.escape(line[place:])])


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def changed(text: str, diff: str) -> str:
    """A text with the lines of a diff taken away and added. Raises `ValueError` where they do not stand in it exactly once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("-", " "))
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("+", " "))
        if not lines:
            continue
        begin = [found.start() for found in re.finditer(f"^{re.escape(old)}", text, re.MULTILINE)]
        if len(begin) != 1:
            raise ValueError(f"these lines do not stand there once:\n{old}\nbut there is\n{text}")
        text = text[: begin[0]] + new + text[begin[0] + len(old) :]
    return text
