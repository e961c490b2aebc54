"""Writes YAML as people and tools write it, in any style that the language has, with values to change in it.

The text is made directly, not dumped: comments in odd places, blanks at line ends, quotes, anchors, flow in block in flow.
Not written: a tab after `-` or `?`, which libyaml refuses, and so do kustomize, Helm, Argo CD and Flux, whose readers are made
from it.
"""

import random
from dataclasses import dataclass, field

from tasks.yaml_path import Entry, Step, written

WORDS = (
    *(
        "a",
        "b",
        "name",
        "image",
        "tag",
        "digest",
        "replicas",
        "env",
        "value",
        "x-y",
        "næring",
        "名前",
        "🚢",
        "e\u0301",
        "שלום",
    ),
    *("app.kubernetes.io/name", "http://x.no/?a=b#c", "spec_1", "a:b", "a#b", "long" * 30),
    *("007", "1.5", "true", "no", "2024-01-31", "0x1F", "12:30:45"),
)
PLAIN = (
    *WORDS,
    "two words",
    "it's",
    'say "hi"',
    "null",
    "~",
    "1e3",
    "-1",
    ".inf",
    "a - b",
    "-x",
    ":x",
    "?x",
    "a, b",
    "\u200b",
)
OLD = (
    *("v1", "1.10", "latest", "2024-01-31", "sha256:" + "1" * 64, "v1@sha256:" + "1" * 64, "tree-" + "1" * 40),
    *("r.no/shop/api:v1", "r.no:5000/shop/api@sha256:" + "1" * 64),
)
# Marks of places in a text that is being written: a wanted value's number, and a tab between tokens.
START, STOP, TAB = "\ue000", "\ue001", "\ue002"
NEW = ("sha256:" + "2" * 64, "tree-" + "2" * 40, "tree-2@sha256:" + "2" * 64, "r.no/shop/web@sha256:" + "2" * 64)
COMMENTS = ("#", "# plain", "#no blank", "# a: b", "# - {x: [", "# 🚢 'quote \"", "# tag: v1", "# " + "x" * 90)
ESCAPES = ("\\u00e6", "\\U0001F6A2", "\\n", "\\t", "\\\\", '\\"', "\\x41", "\\/", "\\e", "\\_", "\\N")


@dataclass
class Wanted:
    """A value to change: the document it is in, the way to it, its text before and after."""

    document: int
    way: tuple[Step, ...]
    old: str
    new: str

    @property
    def path(self) -> str:
        return written(self.way)


@dataclass
class Text:
    """A file before and after the change of its wanted values."""

    before: bytes
    after: bytes
    wanted: list[Wanted]
    readable: tuple[str, str]
    """Both without byte order mark and with spaces for tabs between tokens, which not every parser reads."""


@dataclass
class Writer:
    """One file being written; `ways` are the values that may be chosen, each with its place in the text."""

    rng: random.Random
    document: int = 0
    depth: int = 0
    ways: list[Wanted] = field(default_factory=list)
    anchors: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0
    after_text: bool = False

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def number(self) -> int:
        self.count += 1
        return self.count

    # Blanks and comments

    def end(self) -> str:
        """What may follow a value on its line."""
        r = self.rng
        self.after_text = False
        return r.choice(["", "", "", "", " ", "   ", " " + r.choice(COMMENTS), "  " + r.choice(COMMENTS)]) + "\n"

    def end_of_value(self) -> str:
        """As `end`, after a scalar or a flow collection, where a tab may stand too."""
        return self.rng.choice([TAB, f" {TAB}", f"{TAB}# c"]) + "\n" if self.chance(0.03) else self.end()

    def gap(self, indent: int) -> str:
        """What may stand between two entries."""
        lines = []
        while self.chance(0.15):
            if self.after_text:
                lines.append(self.rng.choice(COMMENTS))
                break
            blank = " " * self.rng.choice([0, indent, indent + 3])
            lines.append(self.rng.choice([blank, blank + self.rng.choice(COMMENTS)]))
        return "".join(line + "\n" for line in lines)

    def blank(self) -> str:
        return self.rng.choice([" ", " ", " ", "  ", "     "])

    def properties(self, kind: str) -> str:
        """An anchor or a tag before a value that is none of those to change."""
        found = ""
        if self.chance(0.06):
            name = f"{self.rng.choice('abcxyz')}{self.number()}"
            self.anchors.append((name, kind))
            found += f"&{name} "
        if self.chance(0.04):
            tags = {
                "scalar": ["!!str ", "!local ", "! ", "!<tag:x.no,2000:y> "],
                "map": ["!!map ", "!local/x "],
                "seq": ["!!seq "],
            }
            found += self.rng.choice(tags[kind])
        return found

    # Scalars

    def target(self, way: tuple[Step, ...]) -> str:
        r = self.rng
        quote, old, new = r.choice(["", "", "'", '"']), r.choice(OLD), r.choice(NEW)
        self.ways.append(Wanted(self.document, way, old, new))
        return f"{quote}{START}{len(self.ways) - 1}{STOP}{quote}"

    def scalar(self, flow: bool, indent: int) -> str:
        """Some value on one line or several; of a block it is the text that follows the key."""
        r = self.rng
        kinds = ["plain"] * 6 + ["single", "double", "escaped", "empty", "lines"]
        kind = r.choice(kinds)
        if kind == "empty" and not flow:
            return r.choice(["''", '""'])
        if kind == "single":
            return (
                "'" + r.choice(PLAIN).replace("'", "''") + r.choice(["", "''", " # no comment", ": x", "{", "\\"]) + "'"
            )
        if kind == "double":
            return '"' + r.choice(WORDS) + r.choice(["", " # x", ": x", "'", "[", "%"]) + '"'
        if kind == "escaped":
            return '"' + "".join(r.choice([*ESCAPES, "x", " ", "æ"]) for _ in range(r.randint(1, 6))) + '"'
        if kind == "lines":
            return self.lines(indent)
        return r.choice([w for w in PLAIN if not flow or not set(w) & set(",[]{}?:#")])

    def lines(self, indent: int) -> str:
        """A scalar over several lines, folded when it is read."""
        r = self.rng
        quote = r.choice(["", "'", '"'])
        breaks = [
            r.choice(["\n", "\n", "\n\n", " \n"]) + " " * (indent + r.randint(1, 6)) for _ in range(r.randint(1, 3))
        ]
        words = [r.choice(["one", "two words", "a/b", "æ🚢", "v1"]) for _ in range(len(breaks) + 1)]
        return quote + words[0] + "".join(b + w for b, w in zip(breaks, words[1:], strict=True)) + quote

    def literal(self, indent: int) -> str:
        """A block scalar, from its header on; `indent` is the column of the collection around it."""
        r = self.rng
        deeper = r.randint(1, 5)
        first = r.choice(["", ""] if indent < 0 else ["", "", "   "])
        header = (
            r.choice("|>") + r.choice(["", "-", "+"])
            if not first
            else r.choice("|>") + str(deeper) + r.choice(["", "-", "+"])
        )
        lines = [first + r.choice(["text", "a: b", "# no comment", "- x", "tag: v1", "'", "{"])]
        while self.chance(0.6):
            lines.append(r.choice(["", "", "more", "  deeper", "\ttab", "--- x", "trailing  ", "tag: v1  # x", "%x"]))
        comment = r.choice(["", "", " # c", "  "])
        self.after_text = True
        return (
            header
            + comment
            + "\n"
            + "".join((" " * (max(indent, 0) + deeper) + line if line else "") + "\n" for line in lines)
        )

    # Collections

    def key(self, used: set[str], flow: bool) -> tuple[str, str]:
        """A key that is not used yet, and how it is written."""
        r = self.rng
        name = r.choice([w for w in WORDS if not set(w) & set(",[]{}")])
        while name in used:
            name = f"{name[:20]}{self.number()}"
        used.add(name)
        if flow and set(name) & set(":#?"):
            return name, f"'{name}'"
        return name, r.choice([name, name, name, f"'{name}'", f'"{name}"'])

    def block(self, way: tuple[Step, ...], indent: int, parent: int) -> str:
        """What follows a `key:` or a `-` in the block collection at column `parent`, to the end of its last line."""
        r = self.rng
        self.depth += 1
        kind = r.choice(
            ["scalar"] * 5 + ["target"] * 3 + ["flow"] * 2 + (["map", "map", "seq"] if self.depth < 6 else [])
        )
        kind = "seq" if kind == "map" and indent == parent else kind
        if kind == "target":
            apart = (
                "\n" + self.gap(indent) + " " * (parent + r.randint(1, 4)) if self.chance(0.04) else self.separation()
            )
            text = apart + self.target(way) + self.end_of_value()
        elif kind == "scalar":
            text = self.simple(parent)
        elif kind == "flow":
            with_properties, place = self.covered("map")
            text = self.separation() + with_properties + self.flow(way, parent) + self.end_of_value()
            self.uncovered(place)
        else:
            properties, place = self.covered(kind)
            text = (" " + properties.rstrip() if properties else "") + self.end() + self.collection(kind, way, indent)
            self.uncovered(place)
        self.depth -= 1
        return text

    def covered(self, kind: str) -> tuple[str, int | None]:
        """Properties of a collection. Values under an anchor are no targets: who refers to it would change too."""
        before = len(self.anchors)
        text = self.properties(kind)
        return text, len(self.ways) if len(self.anchors) > before else None

    def uncovered(self, place: int | None) -> None:
        if place is not None:
            for wanted in self.ways[place:]:
                wanted.document = -1

    def separation(self) -> str:
        return self.rng.choice([" ", " ", " ", "  ", "    "])

    def simple(self, parent: int) -> str:
        r = self.rng
        if self.anchors and self.chance(0.15):
            return f" *{r.choice(self.anchors)[0]}" + self.end()
        if self.chance(0.1):
            return self.end()
        if self.chance(0.12):
            return " " + self.literal(parent)
        return self.separation() + self.properties("scalar") + self.scalar(False, parent) + self.end_of_value()

    def collection(self, kind: str, way: tuple[Step, ...], indent: int) -> str:
        return self.mapping(way, indent) if kind == "map" else self.sequence(way, indent)

    def deeper(self, indent: int) -> int:
        return indent + self.rng.choice([1, 2, 2, 2, 2, 4, 4, 7])

    def mapping(self, way: tuple[Step, ...], indent: int, first: bool = False) -> str:
        """Lines of a block mapping at a column; `first`: its first line has begun already."""
        r, text = self.rng, ""
        used: set[str] = set()
        merged = [name for name, kind in self.anchors if kind == "map" and name.startswith("merge")]
        for _ in range(r.randint(1, 5)):
            text += "" if first else self.gap(indent) + " " * indent
            first = False
            if merged and self.chance(0.2) and "<<" not in used:
                used.add("<<")
                text += r.choice([f"<<: *{merged[0]}", f"<<: [*{merged[0]}]"]) + self.end()
                continue
            if self.chance(0.03):
                text += f"? {r.choice(['[a, b]', '{a: b}', 'x'])}{self.number()}".replace("]", "] #").replace(
                    "}", "} #"
                )
                text += self.end() + " " * indent + ":" + self.simple(indent)
                continue
            name, key = self.key(used, False)
            if self.chance(0.03):
                text += f"? {key}" + self.end() + " " * indent + ":" + self.simple(indent)
                continue
            key += r.choice(["", "", "", "", " ", "  "])
            text += (self.properties("scalar") if self.chance(0.2) else "") + key + ":"
            # A sequence may stand at the column of its key.
            text += self.block((*way, name), indent if self.chance(0.15) else self.deeper(indent), indent)
        return text

    def sequence(self, way: tuple[Step, ...], indent: int, first: bool = False) -> str:
        r, text = self.rng, ""
        for number in range(r.randint(1, 4)):
            text += "" if first else self.gap(indent) + " " * indent
            first = False
            text += "-" + self.entry((*way, number), indent)
        return text

    def entry(self, way: tuple[Step, ...], indent: int) -> str:
        r = self.rng
        if self.depth < 6 and self.chance(0.45):
            blanks = r.choice([1, 1, 1, 3, 5])
            self.depth += 1
            column = indent + 1 + blanks
            if self.chance(0.25):
                text = " " * blanks + self.sequence(way, column, first=True)
            elif self.chance(0.3):
                text = " " * blanks + self.named(way, column)
            else:
                text = " " * blanks + self.mapping(way, column, first=True)
            self.depth -= 1
            return text
        return self.block(way, self.deeper(indent), indent)

    def named(self, way: tuple[Step, ...], indent: int) -> str:
        """An entry that is found by its name."""
        name = f"{self.rng.choice(WORDS)}{self.number()}"
        by_name = (*way[:-1], Entry("name", name))
        lines = [
            f"name: '{name}'" + self.end(),
            "image:" + self.separation() + self.target((*by_name, "image")) + self.end(),
        ]
        self.rng.shuffle(lines)
        return lines[0] + self.gap(indent) + " " * indent + lines[1]

    # Flow

    def flow(self, way: tuple[Step, ...], parent: int, depth: int = 0) -> str:
        r = self.rng
        pairs = self.chance(0.6)
        used: set[str] = set()
        parts = []
        for number in range(r.randint(0, 4)):
            if pairs:
                parts.append(self.pair(used, way, parent, depth))
            else:
                parts.append(self.flow_value((*way, number), parent, depth))
        text = "".join(p + r.choice(["", "", " "]) + "," + self.flow_gap(parent) for p in parts[:-1])
        text += (parts[-1] + r.choice(["", " ", "," if parts[-1].strip() else " ", " , "])) if parts else ""
        start, end = "{}" if pairs else "[]"
        return start + self.flow_gap(parent) + text + self.flow_gap(parent) + end

    def pair(self, used: set[str], way: tuple[Step, ...], parent: int, depth: int) -> str:
        name, key = self.key(used, True)
        if self.chance(0.06):
            return key
        mark = self.rng.choice([": ", ": ", " : ", ":  ", ":\n" + " " * (parent + 3)])
        if key[0] in "'\"" and self.chance(0.2):
            mark = ":"
        if self.chance(0.04):
            return key + ": "
        return ("? " if self.chance(0.03) else "") + key + mark + self.flow_value((*way, name), parent, depth)

    def flow_value(self, way: tuple[Step, ...], parent: int, depth: int) -> str:
        r = self.rng
        kind = r.choice(["scalar"] * 4 + ["target"] * 3 + (["flow"] if depth < 3 else []) + ["alias"])
        if kind == "target":
            return self.target(way)
        if kind == "flow":
            return self.flow(way, parent, depth + 1)
        if kind == "alias" and self.anchors:
            return f"*{r.choice(self.anchors)[0]} "
        return self.scalar(True, parent) or "x"

    def flow_gap(self, parent: int) -> str:
        r = self.rng
        line = "\n" + " " * (parent + r.randint(1, 6))
        return r.choice(["", " ", " ", " ", "  ", line, " " + r.choice(COMMENTS) + line, "\n" + line])

    # Documents

    def root(self) -> str:
        r = self.rng
        self.anchors, self.depth, self.after_text = [], 0, False
        if self.chance(0.08) and self.document:
            return "--- " + r.choice(
                ["plain text\n", "'quoted'\n", "|\n  text\n", "# nothing\n", "!!str\n", ">-\n folded\n"]
            )
        start = r.choice(["---\n", "--- # start\n", "---  \n"])
        if self.document == 0 and self.chance(0.6):
            start = ""
        if start and self.chance(0.1):
            start = (
                r.choice(["%YAML 1.1\n", "%YAML 1.2\n", "# c\n%YAML 1.1 # c\n", "%TAG !e! tag:e.no,2000:\n"]) + start
            )
            start = "...\n" + start if self.document else start
        if self.chance(0.15):
            return (start.rstrip() + " " if start and "#" not in start else start) + self.flow((), 0) + self.end()
        indent = r.choice([0, 0, 0, 0, 0, 2, 3])
        body = self.sequence((), indent) if self.chance(0.12) else self.merge_base(indent) + self.mapping((), indent)
        return start + body

    def merge_base(self, indent: int) -> str:
        if not self.chance(0.2):
            return ""
        name = f"merge{self.number()}"
        self.anchors.append((name, "map"))
        return f"{' ' * indent}base{self.number()}: &{name} {{k: v, tag: v1}}" + self.end()


def random_text(seed: int) -> Text:
    """A file and its change, the same for the same seed; from 1 to 3 values are wanted."""
    rng = random.Random(seed)
    while True:
        writer = Writer(rng)
        text = rng.choice(["", "", "\n", "# first\n\n", " # c\n"])
        for number in range(rng.choice([1, 1, 1, 1, 2, 3])):
            writer.document = number
            root = writer.root()
            # YAML 1.1 has no two document ends in a row.
            text = text.removesuffix("...\n") if root.startswith("...") else text
            text += root + rng.choice(["", "", "", "", "\n", "...\n", "# c\n"])
        places = [n for n, wanted in enumerate(writer.ways) if wanted.document >= 0]
        if places:
            break
    return _as_text(rng, text, writer.ways, sorted(rng.sample(places, min(len(places), rng.randint(1, 3)))))


def _as_text(rng: random.Random, text: str, ways: list[Wanted], chosen: list[int]) -> Text:
    end = rng.choice(["\n"] * 6 + ["\r\n"] * 3 + ["\r"] + ["mixed"])
    text = "".join((rng.choice(["\n", "\r\n"]) if end == "mixed" else end) if c == "\n" else c for c in text)
    text = text.rstrip("\r\n") if rng.random() < 0.25 else text
    before = after = text
    for number, wanted in enumerate(ways):
        mark = f"{START}{number}{STOP}"
        before = before.replace(mark, wanted.old)
        after = after.replace(mark, wanted.new if number in chosen else wanted.old)
    mark = "\ufeff" if rng.random() < 0.1 else ""
    files = [(mark + t.replace(TAB, "\t")).encode() for t in (before, after)]
    readable = (before.replace(TAB, " "), after.replace(TAB, " "))
    return Text(*files, [ways[n] for n in chosen], readable)
