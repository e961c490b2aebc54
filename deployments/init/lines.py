"""Lines of commented YAML, as `slipway init` writes them: values that read back as they were, guesses that say so."""

import re
import textwrap

import yaml

from tasks.command import printable
from tasks.source.recognised import Seen

WIDTH = 110


class Text:
    """Lines of YAML with comments; `as_comment` writes what follows as a comment that can be taken out."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.as_comment = False

    def put(self, indent: int, line: str, why: str = "", sure: bool = True) -> None:
        """One line; why it says so stands behind it, or above it when there is no room."""
        told = _comment(why, sure)
        whole = " " * indent + line
        if told and len(whole) + 3 + len(told) > WIDTH:
            self.note(indent, why, check=not sure)
            told = ""
        self._write(f"{whole}   {told}" if told else whole)

    def value(self, indent: int, key: str, seen: Seen) -> None:
        """A key with what was seen."""
        self.put(indent, f"{key}: {scalar(seen.value)}", seen.why, seen.sure)

    def note(self, indent: int, text: str, check: bool = False) -> None:
        """A comment of its own, over as many lines as it takes."""
        before = " " * indent + "# "
        told = _comment(text, not check).removeprefix("# ")
        lines = textwrap.wrap(told, WIDTH, initial_indent=before, subsequent_indent=before + "  ", drop_whitespace=True)
        for line in lines if len(told) > WIDTH - len(before) else [before + told]:
            self._write(line)

    def gap(self) -> None:
        """An empty line."""
        self._write("")

    def _write(self, line: str) -> None:
        self.lines.append(f"# {line}".rstrip() if self.as_comment else line)


def _comment(text: str, sure: bool) -> str:
    return f"# {'' if sure else 'CHECK: '}{printable(text)}" if text else ""


def scalar(text: str) -> str:
    """A value as YAML reads it back, quoted only where it must be."""
    try:
        if text and text.isprintable() and yaml.safe_load(f"k: {text}") == {"k": text} and text[0] not in "#{[*&!|>%@`":
            return text
    except yaml.YAMLError:
        pass
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if text.isprintable() else yaml.dump(text, default_style='"', width=10_000).strip()


def in_flow(value: str | bool) -> str:
    """A value between braces: there more characters mean something."""
    if isinstance(value, bool):
        return "true"
    plain = re.fullmatch(r"[A-Za-z][\w./-]*", value) and scalar(value) == value
    return value if plain else "'" + value.replace("'", "''") + "'"
