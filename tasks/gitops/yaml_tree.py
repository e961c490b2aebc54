"""Reads YAML as a list of events within bounds, and makes the tree of nodes out of them.

libyaml reads the text. Its own composer calls itself for each level and ends the whole process on 100,000 open
brackets; events take no stack, and the tree is made here with a list in place of the stack.
"""

import operator
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

MAX_EVENTS = 100_000
MAX_DEPTH = 100
# libyaml compares each %TAG line with all before it: 100,000 of them take 15 seconds.
MAX_TAG_DIRECTIVES = 100
# Wheels of PyYAML carry libyaml; the pure reader is thirty times as slow and refuses a tab after a value.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPER = frozenset({yaml.MappingStartEvent, yaml.SequenceStartEvent})
SHALLOWER = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
# Everything that an event says but where it stands.
SAYS = {
    yaml.ScalarEvent: operator.attrgetter("value", "style", "anchor", "tag", "implicit"),
    yaml.AliasEvent: operator.attrgetter("anchor"),
    yaml.MappingStartEvent: operator.attrgetter("anchor", "tag", "implicit", "flow_style"),
    yaml.SequenceStartEvent: operator.attrgetter("anchor", "tag", "implicit", "flow_style"),
    yaml.DocumentStartEvent: operator.attrgetter("explicit", "version", "tags"),
    yaml.DocumentEndEvent: operator.attrgetter("explicit"),
}
RESOLVER = yaml.resolver.Resolver()


class CannotEdit(ValueError):
    """The scalar cannot be found or changed safely; `problem` says why, `where` in which file, `next_step` what to do."""

    where = ""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.problem, self.next_step = problem, next_step


def read(text: str) -> Iterator[yaml.Event]:
    """The events of a text without byte order mark, one by one. Raises `CannotEdit` as soon as it leaves the bounds."""
    if text.count("%TAG") > MAX_TAG_DIRECTIVES:
        raise CannotEdit(f"the file has more than {MAX_TAG_DIRECTIVES} %TAG lines", "write the tags out")
    depth = 0
    try:
        # As yaml.parse does, with one call for an event instead of two.
        for count, event in enumerate(iter(LOADER(text).get_event, None)):
            kind = type(event)
            if kind in DEEPER:
                depth += 1
                if depth > MAX_DEPTH:
                    raise CannotEdit("the file is nested too deeply", "is this the right file?")
            elif kind in SHALLOWER:
                depth -= 1
            if count > MAX_EVENTS:
                raise CannotEdit(f"the file has more than {MAX_EVENTS} parts", "split it")
            yield event
    except yaml.YAMLError as error:
        raise CannotEdit(f"the file is not YAML: {_told(error)}", "mend the syntax") from error


def _told(error: yaml.YAMLError) -> str:
    """What the parser said, and where; never the line itself, which may hold a secret."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    told = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return f"{told}{where}"


def same(old: yaml.Event, new: yaml.Event, value: str | None = None) -> bool:
    """Whether two events say the same wherever they stand, the new one with this value if there is one."""
    kind = type(old)
    if kind is not type(new):
        return False
    says = SAYS.get(kind)
    if says is None:
        return True
    expected = says(old) if value is None else (value, old.style, None, None, old.implicit)
    return expected == says(new)


def compose(events: Iterable[yaml.Event]) -> tuple[list[yaml.Node], set[int]]:
    """One node for each document that has one, and the ids of the nodes that an alias names too.

    Raises `CannotEdit` for an alias of nothing. A node may hold itself, by an alias; it is among the shared ones then.
    """
    roots: list[yaml.Node] = []
    shared: set[int] = set()
    anchors: dict[str, yaml.Node] = {}
    open_nodes: list[tuple[list[yaml.Node], yaml.Node | None]] = [(roots, None)]
    for event in events:
        kind = type(event)
        if kind in SHALLOWER:
            parts, node = open_nodes.pop()
            node.value = parts if kind is yaml.SequenceEndEvent else list(zip(parts[::2], parts[1::2], strict=True))
        elif kind is yaml.AliasEvent:
            node = _named(event, anchors)
            shared.add(id(node))
            open_nodes[-1][0].append(node)
        elif kind is yaml.ScalarEvent or kind in DEEPER:
            node = _node(event)
            open_nodes[-1][0].append(node)
            if event.anchor:
                anchors[event.anchor] = node
            if kind in DEEPER:
                open_nodes.append(([], node))
        elif kind is yaml.DocumentStartEvent:
            anchors.clear()
    return roots, shared


def _named(alias: yaml.AliasEvent, anchors: dict[str, yaml.Node]) -> yaml.Node:
    if alias.anchor not in anchors:
        at = alias.start_mark.line + 1
        raise CannotEdit(
            f"the file is not YAML: nothing is called *{alias.anchor[:40]} at line {at}", "add the anchor above it"
        )
    return anchors[alias.anchor]


def _node(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> yaml.Node:
    if type(event) is yaml.ScalarEvent:
        tag = event.tag or RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
        return yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark, event.style)
    kind = yaml.MappingNode if type(event) is yaml.MappingStartEvent else yaml.SequenceNode
    tag = event.tag or RESOLVER.resolve(kind, None, event.implicit)
    return kind(tag, [], event.start_mark, event.end_mark, event.flow_style)
