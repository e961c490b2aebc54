"""Changes single scalars of a YAML file and leaves every other byte as it is.

A parser finds where a scalar stands, its bytes are spliced, and the result is parsed again: only the wanted scalars
may differ. Comments, quoting, indentation, line ends, a byte order mark and other documents are never touched.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from tasks.gitops.yaml_path import Step, steps

MAX_BYTES = 2_000_000
MAX_EVENTS = 200_000
MAX_DEPTH = 100
# libyaml where the wheel has it: twelve times as quick. Its composer calls itself for each level and ends the whole process
# on 100,000 open brackets, so the depth is counted before, event by event, which takes no stack.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPER = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
SHALLOWER = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
Path = tuple[str | int, ...]
Hit = tuple[Path, list[yaml.Node]]


class CannotEdit(ValueError):
    """The scalar cannot be found or changed safely; `problem` says why, `where` in which file, `next_step` what to do."""

    where = ""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.problem, self.next_step = problem, next_step


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
            # libyaml does not count a byte order mark among the characters, the pure parser does.
            self.mark = text[: text.startswith("\ufeff")]
            self.text = text[len(self.mark) :]
            _require_bounds(self.text)
            self.roots = [r for r in yaml.compose_all(self.text, LOADER) if r is not None]
            self.shared = _shared(self.roots)
        except UnicodeDecodeError as error:
            raise CannotEdit(f"the file is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
        except yaml.YAMLError as error:
            raise CannotEdit(
                f"the file is not YAML: {' '.join(str(error).split())[:300]}", "mend the syntax"
            ) from error

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
                raise CannotEdit(f"the key {key[:40]} stands {times} times", "keep one of them")
        self._single.add(id(node))

    def replaced(self, values: Mapping[Scalar, str]) -> bytes:
        """The file with these scalars set. Raises `CannotEdit` when anything else would read differently."""
        parts, position = [self.mark], 0
        for scalar in sorted(values, key=lambda s: s.start):
            parts += [self.text[position : scalar.start], scalar.quote, values[scalar], scalar.quote]
            position = scalar.end
        content = "".join([*parts, self.text[position:]]).encode("utf-8")
        wanted = {**dict(_values(self.roots)), **{s.path: v for s, v in values.items()}}
        if dict(_values(Document(content).roots)) != wanted:
            raise CannotEdit("the change would not stay where it belongs", "put the value on a line of its own")
        return content


def _require_bounds(text: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, LOADER)):
        depth += isinstance(event, DEEPER) - isinstance(event, SHALLOWER)
        if depth > MAX_DEPTH:
            raise CannotEdit("the file is nested too deeply", "is this the right file?")
        if count > MAX_EVENTS:
            raise CannotEdit(f"the file has more than {MAX_EVENTS} parts", "split it")


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


def _shared(roots: Sequence[yaml.Node]) -> set[int]:
    """Ids of the nodes that an alias names too. Each node is visited once, however often it is named."""
    named: Counter[int] = Counter(map(id, roots))
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            named.update(id(c) for c in children(node))
            waiting += children(node)
    return {node for node, times in named.items() if times > 1}


def _values(roots: Sequence[yaml.Node]) -> Iterator[tuple[Path, str]]:
    """Every scalar of the file with its path; a node that is named again counts where it stands first."""
    seen: set[int] = set()
    waiting: list[tuple[Path, yaml.Node]] = [((n,), r) for n, r in enumerate(roots)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            yield path, "(alias)"
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield path, node.value
        elif isinstance(node, yaml.MappingNode):
            yield from (
                ((*path, "(key)", n), k.value) for n, (k, _) in enumerate(node.value) if isinstance(k, yaml.ScalarNode)
            )
            waiting += [
                ((*path, k.value if isinstance(k, yaml.ScalarNode) else n), v) for n, (k, v) in enumerate(node.value)
            ]
        else:
            waiting += [((*path, n), v) for n, v in enumerate(node.value)]
