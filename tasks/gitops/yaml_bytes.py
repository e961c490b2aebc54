"""Changes single scalars of a YAML file and leaves every other byte as it is.

A parser finds where a scalar stands, its bytes are spliced, and the result is parsed again: only the wanted scalars
may differ. Comments, quoting, indentation, line ends, a byte order mark and other documents are never touched.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from tasks.gitops.yaml_path import Step, steps

MAX_BYTES = 500_000
Path = tuple[str | int, ...]


class CannotEdit(ValueError):
    """The scalar cannot be found or changed safely; `problem` says why and `next_step` what to do."""

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
        """Parses the file with the pure Python parser: the C one crashes the process on deep nesting."""
        if len(content) > MAX_BYTES:
            raise CannotEdit(
                f"the file is larger than {MAX_BYTES} bytes", "split it; a customer's values should be small"
            )
        try:
            self.text = content.decode("utf-8")
            self.roots = [r for r in yaml.compose_all(self.text, yaml.SafeLoader) if r is not None]
            self.shared = _shared(self.roots)
        except UnicodeDecodeError as error:
            raise CannotEdit(f"the file is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
        except yaml.YAMLError as error:
            raise CannotEdit(
                f"the file is not YAML: {' '.join(str(error).split())[:300]}", "mend the syntax"
            ) from error
        except RecursionError as error:
            raise CannotEdit("the file is nested too deeply", "is this the right file?") from error

    def at(self, path: str) -> Scalar:
        """The scalar at this path (`yaml_path`), in the one document that has it. Raises `CannotEdit`."""
        return self._only(path, lambda root: _walk(root, steps(path)))

    def kustomize_digest(self, image: str) -> Scalar:
        """The `digest` of the one entry under `images:` with this name. Raises `CannotEdit`."""
        return self._only(f"images[name={image}].digest", lambda root: _image_entry(root, image))

    def _only(self, name: str, find: Callable[[yaml.Node], list[tuple[Path, list[yaml.Node]]]]) -> Scalar:
        try:
            found = [(number, *hit) for number, root in enumerate(self.roots) for hit in find(root)]
        except _Missing as missing:
            raise CannotEdit(f"there is no {name}", str(missing)) from missing
        if not found:
            raise CannotEdit(f"there is no {name}", f"add the key {name} with the digest that runs now")
        if len(found) > 1:
            raise CannotEdit(f"{name} stands {len(found)} times", "keep one of them")
        number, path, nodes = found[0]
        return self._scalar(name, (number, *path), nodes)

    def _scalar(self, name: str, path: Path, nodes: list[yaml.Node]) -> Scalar:
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
        return Scalar(path, node.start_mark.index, node.end_mark.index, node.value, quote)

    def require_single_keys(self, node: yaml.Node) -> None:
        """Parsers disagree on which of two equal keys counts. Raises `CannotEdit` when one stands twice in a mapping."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        for key, times in Counter(k.value for k, _ in pairs if isinstance(k, yaml.ScalarNode)).items():
            if times > 1:
                raise CannotEdit(f"the key {key[:40]} stands {times} times", "keep one of them")

    def replaced(self, values: Mapping[Scalar, str]) -> bytes:
        """The file with these scalars set. Raises `CannotEdit` when anything else would read differently."""
        text = self.text
        for scalar in sorted(values, key=lambda s: s.start, reverse=True):
            text = text[: scalar.start] + scalar.quote + values[scalar] + scalar.quote + text[scalar.end :]
        content = text.encode("utf-8")
        wanted = {**dict(_values(self.roots)), **{s.path: v for s, v in values.items()}}
        if dict(_values(Document(content).roots)) != wanted:
            raise CannotEdit("the change would not stay where it belongs", "put the value on a line of its own")
        return content


class _Missing(LookupError):
    """What is not there; its text says what to add."""


def _walk(node: yaml.Node, way: Sequence[Step]) -> list[tuple[Path, list[yaml.Node]]]:
    hits: list[tuple[Path, list[yaml.Node]]] = [((), [node])]
    for step in way:
        hits = [((*path, at), [*nodes, value]) for path, nodes in hits for at, value in _below(nodes[-1], step)]
    return hits


def _below(node: yaml.Node, step: Step) -> list[tuple[str | int, yaml.Node]]:
    """What a step leads to, with its key or its number in the list."""
    if isinstance(step, str):
        return [(step, value) for value in _get(node, step)]
    entries = list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []
    if isinstance(step, int):
        return [(n, e) for n, e in entries if n == step]
    return [
        (n, e)
        for n, e in entries
        if any(isinstance(v, yaml.ScalarNode) and v.value == step.value for v in _get(e, step.key))
    ]


def _image_entry(root: yaml.Node, image: str) -> list[tuple[Path, list[yaml.Node]]]:
    hits = []
    for images in _get(root, "images"):
        for number, entry in enumerate(images.value if isinstance(images, yaml.SequenceNode) else []):
            if any(isinstance(n, yaml.ScalarNode) and n.value == image for n in _get(entry, "name")):
                digests = _get(entry, "digest")
                if not digests:
                    raise _Missing(
                        f"add `digest:` with the digest that runs now to the entry of {image}; a tag may move"
                    )
                hits += [(("images", number, "digest"), [root, images, entry, d]) for d in digests]
    return hits


def _get(node: yaml.Node, key: str) -> list[yaml.Node]:
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
