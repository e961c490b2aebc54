"""In any YAML the wanted values change, every other byte stays, and a second, independent parser says so too.

Runs over 2,000 files; SLIPWAY_RELIABILITY=large takes 20,000, and a number that many. `-s` shows the counts.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import ruamel.yaml
from random_yaml import Text, Wanted, random_text

from tasks.gitops.yaml_bytes import CannotEdit, Document, Scalar
from tasks.yaml_path import Entry

SIZES = {"": 2_000, "large": 20_000}
ASKED = os.environ.get("SLIPWAY_RELIABILITY", "")
FILES = SIZES.get(ASKED) or int(ASKED)


def edited(text: Text) -> bytes:
    """The file with its wanted values, by the code under test."""
    document = Document(text.before)
    return document.replaced({located(document, wanted): wanted.new for wanted in text.wanted})


def located(document: Document, wanted: Wanted) -> Scalar:
    [hit] = [hit for hit in document.hits(wanted.path) if hit[0][0] == wanted.document]
    return document.scalar(wanted.path, hit)


def structure(text: str) -> list[Any]:
    """All that ruamel.yaml's own reader, in Python, finds in a file: tags, values, and which nodes are the same one."""
    seen: dict[int, int] = {}
    roots = list(ruamel.yaml.YAML(typ="safe", pure=True).compose_all(text))
    return [_plain(node, seen) for node in roots]


def _plain(node: Any, seen: dict[int, int]) -> Any:
    if node is None or id(node) in seen:
        return node and ("again", seen[id(node)])
    seen[id(node)] = len(seen)
    if isinstance(node, ruamel.yaml.nodes.MappingNode):
        return [str(node.tag), "map", [[_plain(k, seen), _plain(v, seen)] for k, v in node.value]]
    if isinstance(node, ruamel.yaml.nodes.SequenceNode):
        return [str(node.tag), "list", [_plain(v, seen) for v in node.value]]
    return [str(node.tag), "scalar", node.value]


def with_values(structures: list[Any], text: Text) -> list[Any]:
    """The structure with the wanted values set, found by their ways."""
    for wanted in text.wanted:
        [place] = _places(structures[wanted.document], wanted)
        assert place[2] == wanted.old
        place[0], place[2] = "tag:yaml.org,2002:str", wanted.new
    return structures


def _places(root: Any, wanted: Wanted) -> list[Any]:
    places = [root]
    for step in wanted.way:
        places = [below for place in places for below in _below(place, step)]
    return places


def _below(place: Any, step: Any) -> Iterator[Any]:
    if isinstance(step, str):
        yield from (value for key, value in _parts(place, "map") if key[1:] == ["scalar", step])
    elif isinstance(step, Entry):
        for entry in _parts(place, "list"):
            if any(value[1:] == ["scalar", step.value] for value in _below(entry, step.key)):
                yield entry
    else:
        yield _parts(place, "list")[step]


def _parts(place: Any, kind: str) -> list[Any]:
    return place[2] if place[1] == kind else []


def checked(seed: int) -> str:
    """What came of one file."""
    text = random_text(seed)
    try:
        after = edited(text)
    except CannotEdit as error:
        return f"refused: {error.problem[:60]}"
    assert after == text.after, f"seed {seed}"
    try:
        before = structure(text.readable[0])
    except ruamel.yaml.YAMLError:
        return "not read by the second parser"
    assert structure(text.readable[1]) == with_values(before, text), f"seed {seed}"
    return "changed"


def test_only_the_wanted_values_change_in_any_file() -> None:
    counts = Counter(checked(seed) for seed in range(FILES))
    print(f"\n{FILES} files: {dict(counts)}")
    assert counts["not read by the second parser"] < FILES / 100
    refused = sum(n for outcome, n in counts.items() if outcome.startswith("refused"))
    assert refused < FILES / 100, counts


def test_the_files_have_what_people_write() -> None:
    """The test above means little if its files are tame: each of these is in many of them."""
    texts = [random_text(seed).before.decode() for seed in range(1_000)]
    features = {
        "comment": "# ", "flow mapping": "{", "flow sequence": "[", "anchor": "&", "alias": "*", "merge key": "<<:",
        "tag": "!!", "local tag": "!local", "literal": "|", "folded": ">", "documents": "---", "end marker": "...\n",
        "directive": "%YAML", "crlf": "\r\n", "mark": "\ufeff", "astral": "🚢", "combining": "e\u0301", "escape": "\\U",
        "tab": "\t", "blanks at the end": " \n", "complex key": "? ", "right to left": "שלום", "long line": "long" * 30,
    }  # fmt: skip
    rare = {name: n for name, part in features.items() if (n := sum(part in t for t in texts)) < 20}
    assert not rare
    assert sum(not t.endswith(("\n", "\r")) for t in texts) > 100
