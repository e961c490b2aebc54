"""Changes single scalars of a YAML file and leaves every other byte as it is.

A parser finds where a scalar stands, its bytes are spliced, and the result is parsed again: only the wanted scalars
may differ. Comments, quoting, indentation, line ends, a byte order mark and other documents are never touched.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import yaml

from tasks.gitops.yaml_tree import RESOLVER, CannotEdit, compose, read, same
from tasks.yaml_path import Step, steps

MAX_BYTES = 2_000_000
STRING = "tag:yaml.org,2002:str"
# YAML 1.2, chapter 10.3.2: what counts as a number there and is text in YAML 1.1. A tag such as 7e10 is one of them.
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")
Path = tuple[str | int, ...]
Hit = tuple[Path, list[yaml.Node]]


@dataclass(frozen=True)
class Scalar:
    """One plain or quoted scalar: where it stands in the text (characters), its value and its quotes."""

    path: Path
    start: int
    end: int
    value: str
    quote: str


class Document:
    """A YAML file whose scalars can be looked up and replaced."""

    def __init__(self, content: bytes) -> None:
        """Parses the file. Raises `CannotEdit` for what is no YAML, too large, or nested too deeply."""
        if len(content) > MAX_BYTES:
            raise CannotEdit(
                f"the file is larger than {MAX_BYTES} bytes", "split it; a customer's values should be small"
            )
        self._single: set[int] = set()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CannotEdit(f"the file is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
        # libyaml does not count a byte order mark among the characters.
        self.mark = text[: text.startswith("\ufeff")]
        self.text = text[len(self.mark) :]
        self._events = list(read(self.text))
        self.roots, self.shared = compose(self._events)

    def at(self, path: str) -> Scalar:
        """The scalar at this path (`yaml_path`), in the one document that has it. Raises `CannotEdit`."""
        found = self.hits(path)
        if not found:
            raise CannotEdit(f"there is no {path}", f"add the key {path} with the digest that runs now")
        if len(found) > 1:
            raise CannotEdit(f"{path} stands {len(found)} times", "keep one of them")
        return self.scalar(path, found[0])

    def hits(self, path: str) -> list[Hit]:
        """Every node at this path, in any document: the way to it, and the nodes on that way."""
        return self.along(steps(path))

    def along(self, way: Sequence[Step]) -> list[Hit]:
        """As `hits`, by steps."""
        return [((number, *at), nodes) for number, root in enumerate(self.roots) for at, nodes in _walk(root, way)]

    def scalar(self, name: str, hit: Hit) -> Scalar:
        """The value at the end of a way that can be replaced alone. Raises `CannotEdit`; `name` is how people call it."""
        path, nodes = hit
        node = nodes[-1]
        if any(id(n) in self.shared for n in nodes):
            raise CannotEdit(f"{name} is shared through an anchor", "write the value out where it is used")
        for n in nodes:
            self.require_single_keys(n)
        if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
            raise CannotEdit(f"{name} is not a single value", "make it a plain or quoted value")
        raw = self.text[node.start_mark.index : node.end_mark.index]
        if raw[:1] in ("&", "!", "*"):
            raise CannotEdit(f"{name} carries an anchor or a tag", "write the value without it")
        quote = raw[:1] if raw[:1] in ("'", '"') else ""
        if raw != quote + node.value + quote:
            raise CannotEdit(f"{name} is written with escapes or over several lines", "write it on one line as it is")
        return Scalar(path, node.start_mark.index, node.end_mark.index, node.value, quote)

    def require_single_keys(self, node: yaml.Node) -> None:
        """Parsers disagree on which of two equal keys counts. Raises `CannotEdit` when one stands twice in a mapping."""
        if id(node) in self._single:
            return
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        for key, times in Counter(k.value for k, _ in pairs if isinstance(k, yaml.ScalarNode)).items():
            if times > 1:
                raise CannotEdit(f"the key {key[:40]!r} stands {times} times", "keep one of them")
        self._single.add(id(node))

    def replaced(self, values: Mapping[Scalar, str]) -> bytes:
        """The file with these scalars set. Raises `CannotEdit` when anything else would read differently."""
        parts, position = [self.mark], 0
        for scalar in sorted(values, key=lambda s: s.start):
            _require_text(scalar, values[scalar])
            parts += [self.text[position : scalar.start], scalar.quote, values[scalar], scalar.quote]
            position = scalar.end
        text = "".join([*parts, self.text[position:]])
        if not self._reads_as(text[len(self.mark) :], {s.start: v for s, v in values.items()}):
            raise CannotEdit("the change would not stay where it belongs", "put the value on a line of its own")
        return text.encode("utf-8")

    def _reads_as(self, text: str, values: Mapping[int, str]) -> bool:
        """Whether a text says what this file says, event by event, but for the scalars that start at these places."""
        try:
            for old, new in zip_longest(self._events, read(text)):
                value = values.get(old.start_mark.index) if type(old) is yaml.ScalarEvent else None
                if old is None or new is None or not same(old, new, value):
                    return False
        except CannotEdit:
            return False
        return True


def _require_text(scalar: Scalar, value: str) -> None:
    """A tag such as 1.10 or 7e10 is a number without its quotes, and 1.1 or 70000000000 to who reads it."""
    if scalar.quote or _kind(value) in (STRING, _kind(scalar.value)):
        return
    raise CannotEdit(f"{value[:40]!r} would not be read as text there", "put quotes around the value in the file")


def _kind(value: str) -> str:
    return "number" if NUMBER.fullmatch(value) else RESOLVER.resolve(yaml.ScalarNode, value, (True, False))


def _walk(node: yaml.Node, way: Sequence[Step]) -> list[Hit]:
    hits: list[Hit] = [((), [node])]
    for step in way:
        hits = [((*path, at), [*nodes, value]) for path, nodes in hits for at, value in _below(nodes[-1], step)]
    return hits


def _below(node: yaml.Node, step: Step) -> list[tuple[str | int, yaml.Node]]:
    """What a step leads to, with its key or its number in the list."""
    if isinstance(step, str):
        return [(step, value) for value in under(node, step)]
    entries = list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []
    if isinstance(step, int):
        return [(n, e) for n, e in entries if n == step]
    return [
        (n, e)
        for n, e in entries
        if any(isinstance(v, yaml.ScalarNode) and v.value == step.value for v in under(e, step.key))
    ]


def under(node: yaml.Node, key: str) -> list[yaml.Node]:
    """Every value under a key: more than one means that the key stands twice."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [value for k, value in node.value if isinstance(k, yaml.ScalarNode) and k.value == key]


def children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
