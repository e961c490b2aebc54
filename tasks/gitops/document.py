"""YAML as text with positions: where a scalar stands, and the same bytes with another value there.

PyYAML's composer tells positions; nothing is ever dumped, so comments, quotes, line ends and indents cannot change.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from tasks.command import printable
from tasks.errors import ReleaseRefused

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
STEP = re.compile(r"([^.\[\]]+)((?:\[[^\]=]+=[^\]]+\])?)(?:\.|$)")


class CannotEdit(ReleaseRefused):
    """This file cannot be edited safely; `where` names the key, the caller adds customer and file."""


class KeyMissing(CannotEdit):
    """The way to the scalar ends before it."""


@dataclass(frozen=True)
class Select:
    """A step to the one item of a list whose `field` has this value."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"[{self.field}={self.value}]"


Steps = tuple[str | Select, ...]


@dataclass(frozen=True)
class Scalar:
    """A plain or quoted scalar: its value, and its place in the text in characters, quotes included."""

    value: str
    start: int
    end: int
    quote: str


def steps(path: str) -> Steps:
    """`spec.containers[name=api].image` as steps."""
    found: list[str | Select] = []
    position = 0
    while position < len(path):
        if not (match := STEP.match(path, position)):
            raise CannotEdit.because("the path cannot be read", f"path {path}", "write keys with dots: image.digest")
        found.append(match[1])
        if match[2]:
            found.append(Select(*match[2][1:-1].split("=", 1)))
        position = match.end()
    return tuple(found)


def spell(way: Sequence[str | Select]) -> str:
    """Steps as a person writes them."""
    return ".".join(str(step) for step in way).replace(".[", "[")


@lru_cache(maxsize=512)
def parse(content: bytes) -> "Document":
    """Reads a file's bytes. Raises `CannotEdit` for what is too large, too deep, not UTF-8 or not YAML."""
    if len(content) > MAX_BYTES:
        raise CannotEdit.because(f"larger than {MAX_BYTES} bytes", "", "split the file")
    try:
        return Document(content.decode())
    except UnicodeDecodeError as error:
        raise CannotEdit.because("not UTF-8", f"byte {error.start}", "save it as UTF-8") from error
    except RecursionError as error:
        raise CannotEdit.because("nested too deeply", "", "flatten the file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = printable(str(getattr(error, "problem", None) or "unreadable"))
        line = f"line {mark.line + 1}" if mark else ""
        raise CannotEdit.because(f"not YAML: {problem}", line, "mend the syntax there") from error


class _Recorder(yaml.SafeLoader):
    """Composes nodes and keeps the events they came from; stops at the depth limit, before any recursion does.

    Pure Python on purpose: the C composer crashes the whole process on deep nesting (yaml/pyyaml#890).
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.events: list[tuple[Any, ...]] = []
        self.scalars: dict[int, int] = {}

    def get_event(self) -> Any:
        """The next event, noted on the way."""
        event = super().get_event()
        self.depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if self.depth > MAX_DEPTH:
            raise CannotEdit.because("nested too deeply", f"line {event.start_mark.line + 1}", "flatten the file")
        if isinstance(event, yaml.ScalarEvent):
            self.scalars[event.start_mark.index] = len(self.events)
        told = ("anchor", "tag", "implicit", "style", "flow_style", "explicit", "version", "tags", "value")
        self.events.append((type(event).__name__, *(getattr(event, name, None) for name in told)))
        return event


class Document:
    """The text of one file, its nodes, and its events: what a reader of the file can see."""

    def __init__(self, text: str) -> None:
        self.text, self.roots = text, []
        recorder = _Recorder(text)
        try:
            while recorder.check_node():
                self.roots.append(recorder.get_node())
        finally:
            recorder.dispose()
        self.events, self._scalars = recorder.events, recorder.scalars
        self._aliased = {event[1] for event in self.events if event[0] == "AliasEvent"}

    @property
    def aliases(self) -> bool:
        """Whether any value is shared through an alias."""
        return bool(self._aliased)

    def find(self, way: Steps) -> Scalar:
        """The one scalar there. Raises `KeyMissing`, or `CannotEdit` when it is not one that can be replaced alone."""
        found, missing = [], None
        for root in self.roots:
            try:
                found.append(self._walk(root, way))
            except KeyMissing as error:
                missing = error
        if len(found) > 1:
            raise CannotEdit.because("stands in several documents", f"key {spell(way)}", "keep it in one of them")
        if not found:
            raise missing or KeyMissing.because("the file is empty", f"key {spell(way)}", "add the key")
        return self._scalar(found[0], way)

    def replace(self, values: Mapping[Scalar, str]) -> bytes:
        """The same bytes with other values; parsed again, and refused if anything else would read differently."""
        text = self.text
        for scalar in sorted(values, key=lambda s: s.start, reverse=True):
            text = text[: scalar.start] + scalar.quote + values[scalar] + scalar.quote + text[scalar.end :]
        content = text.encode()
        if parse(content).events != self._events_with(values):
            raise CannotEdit.because("the edit would change more than the image", "", "quote the value in the file")
        return content

    def _events_with(self, values: Mapping[Scalar, str]) -> list[tuple[Any, ...]]:
        events = list(self.events)
        for scalar, value in values.items():
            place = self._scalars[scalar.start]
            events[place] = (*events[place][:-1], value)
        return events

    def _walk(self, node: yaml.Node, way: Steps) -> yaml.Node:
        for count, step in enumerate(way, start=1):
            here = way[:count]
            self._refuse_shared(node, here)
            node = self._item(node, step, here) if isinstance(step, Select) else self._key(node, step, here)
        return node

    def _key(self, node: yaml.Node, key: str, here: Steps) -> yaml.Node:
        if not isinstance(node, yaml.MappingNode):
            raise KeyMissing.because("there is no such key", f"key {spell(here)}", "add it")
        refuse_duplicates(node, here[:-1])
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return value
        raise KeyMissing.because("there is no such key", f"key {spell(here)}", "add it")

    def _item(self, node: yaml.Node, select: Select, here: Steps) -> yaml.Node:
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        found = [item for item in items if _has(item, select)]
        if not found:
            raise KeyMissing.because("there is no such entry", f"key {spell(here)}", "add it")
        if len(found) > 1:
            raise CannotEdit.because("the entry stands twice", f"key {spell(here)}", "keep one of them")
        return found[0]

    def _refuse_shared(self, node: yaml.Node, here: Steps) -> None:
        anchor = re.match(r"&([^\s,\[\]{}]+)", self.text[node.start_mark.index :][:200])
        if anchor and anchor[1] in self._aliased:
            raise CannotEdit.because(
                f"shared through the alias *{anchor[1]}", f"key {spell(here)}", "write the value out in both places"
            )

    def _scalar(self, node: yaml.Node, way: Steps) -> Scalar:
        where = f"key {spell(way)}"
        if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
            raise CannotEdit.because("not a plain or quoted value", where, "write the value on one line")
        start, end = node.start_mark.index, node.end_mark.index
        if self.text[start : start + 1] in ("&", "!"):
            raise CannotEdit.because("has an anchor, an alias or a tag", where, "write the bare value")
        return Scalar(value=node.value, start=start, end=end, quote=node.style or "")


def refuse_duplicates(node: yaml.MappingNode, here: Steps = ()) -> None:
    """Parsers disagree on which of two equal keys counts, so none is edited beside one."""
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise CannotEdit.because(
                "the key stands twice",
                f"key {spell((*here, printable(key.value)))}, line {key.start_mark.line + 1}",
                "keep one of them",
            )
        seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)


def _has(item: yaml.Node, select: Select) -> bool:
    pairs = item.value if isinstance(item, yaml.MappingNode) else []
    return any(
        isinstance(k, yaml.ScalarNode) and k.value == select.field and getattr(v, "value", None) == select.value
        for k, v in pairs
    )
