"""Files that somebody made to stop us: each is refused in words or edited rightly, in 2 seconds of CPU and 100 MB.

Every file is read in a process of its own, which the system ends when it takes more (`hostile_child.py`).
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

OLD = "sha256:" + "1" * 64
GOOD = f"a: {{b: {OLD}}}\n"
ROOT = Path(__file__).parents[3]
MAX = 1_999_000


def filled(part: str, before: str = "", after: str = "") -> str:
    """Two megabytes of the same."""
    return before + part * ((MAX - len((before + after).encode())) // len(part.encode())) + after


def bomb() -> str:
    return "x0: &x0 [1]\n" + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 60)) + GOOD


def numbered(line: str, count: int) -> str:
    return "".join(line.replace("N", str(n)) for n in range(count))


DEEP, MANY, NO_YAML = "nested too deeply", "has more than 100000 parts", "is not YAML"
# What is in the file, and the first word on it.
CASES: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "alias bomb": (bomb, "changed"),
    "merge key bomb": (
        lambda: "x: &x {k: v}\n" + numbered("xN: &xN {<<: [*x, *x]}\n", 5_000) + GOOD,
        "changed",
    ),
    "flow sequences": (lambda: "[" * 200_000, DEEP),
    "flow sequences, 2 MB": (lambda: filled("["), DEEP),
    "flow sequences on lines": (lambda: filled("[\n"), DEEP),
    "flow mappings": (lambda: "{" * 200_000, DEEP),
    "flow mappings with keys": (lambda: filled("{? "), DEEP),
    "flow mappings with plain keys": (lambda: filled("{a: "), DEEP),
    "brackets that close": (lambda: "[" * 200_000 + "]" * 200_000, DEEP),
    "nested by indentation": (lambda: "".join(" " * n + "a:\n" for n in range(1_900)), DEEP),
    "nested by dashes": (lambda: filled("- "), DEEP),
    "nested by question marks": (lambda: filled("? "), DEEP),
    "just as deep as allowed": (lambda: "x: " + "[" * 98 + "]" * 98 + "\n" + GOOD, "changed"),
    "one long sequence": (lambda: filled("a,", "[", "]"), MANY),
    "one long sequence of quotes": (lambda: filled('"a",', "[", "]"), MANY),
    "one long sequence of pairs": (lambda: filled("a: b,", "[", "]"), MANY),
    "one long mapping": (lambda: filled("a: ,", "{", "}"), MANY),
    "one long block sequence": (lambda: filled("- a\n"), MANY),
    "as many parts as allowed": (lambda: GOOD + numbered("kN: v\n", 49_990), "changed"),
    "100,000 keys": (lambda: numbered("kN: v\n", 100_000), MANY),
    "50,000 keys on the way": (lambda: "a:\n" + numbered("  kN: v\n", 49_000) + f"  b: {OLD}\n", "changed"),
    "100,000 anchors": (lambda: numbered("- &aN x\n", 100_000), MANY),
    "90,000 anchors": (lambda: GOOD + "x:\n" + numbered("- &aN x\n", 90_000), "changed"),
    "40,000 anchors and aliases": (lambda: GOOD + "x:\n" + numbered("- &aN x\n- *aN\n", 40_000), "changed"),
    "90,000 aliases of one": (lambda: GOOD + "x: &a y\nz:\n" + "- *a\n" * 90_000, "changed"),
    "100,000 documents": (lambda: GOOD + "---\n" * 100_000, MANY),
    "20,000 documents": (lambda: GOOD + "--- x\n" * 20_000, "changed"),
    "20,000 documents with the key": (lambda: f"---\n{GOOD}" * 7_000, "stands 7000 times"),
    "100,000 tag directives": (lambda: numbered("%TAG !tN! t:x\n", 100_000) + "---\n" + GOOD, "more than 100 %TAG"),
    "100 tag directives": (lambda: numbered("%TAG !tN! t:x\n", 100) + "---\n" + GOOD, "changed"),
    "many version directives": (lambda: filled("%YAML 1.1\n"), NO_YAML),
    "many unknown directives": (lambda: filled("%FOO bar\n", "", "--- x\n"), NO_YAML),
    "comments": (lambda: filled("# a: {b: [\n", GOOD), "changed"),
    "one long comment": (lambda: filled("#", GOOD), "changed"),
    "blank lines": (lambda: filled("\n", GOOD), "changed"),
    "blanks before a value": (lambda: filled(" ", "x:", "y\n" + GOOD), "changed"),
    "tabs before a value": (lambda: filled("\t", "x:", "y\n" + GOOD), "changed"),
    "a key of a megabyte": (lambda: "k" * 1_000_000 + ": v\n" + GOOD, NO_YAML),
    "an explicit key of a megabyte": (lambda: "? " + "k" * 1_000_000 + "\n: v\n" + GOOD, "changed"),
    "a value of two megabytes": (lambda: filled("v", GOOD + "x: "), "changed"),
    "a target of a megabyte": (lambda: "a: {b: " + "1" * 1_000_000 + "}", "neither a digest"),
    "a reference of a megabyte": (lambda: "a: {b: " + "a/" * 500_000 + "}", "neither a digest"),
    "words over a megabyte": (lambda: filled("w ", GOOD + "x: "), "changed"),
    "lines over a megabyte": (lambda: filled("w\n ", GOOD + "x: "), "changed"),
    "blank lines in a value": (lambda: filled("\n", GOOD + "x: y", " z\n"), "changed"),
    "escapes": (lambda: filled("\\n", GOOD + 'x: "', '"\n'), "changed"),
    "a literal of short lines": (lambda: filled(" x\n", GOOD + "x: |\n"), "changed"),
    "a literal of blank lines": (lambda: filled("\n", GOOD + "x: |\n", " x\n"), "changed"),
    "a literal that starts with blanks": (lambda: filled(" ", GOOD + "x: |\n", "\n x\n"), NO_YAML),
    "a literal with steps of blanks": (
        lambda: GOOD + "x: |\n" + "".join(" " * n + "\n" for n in range(1_900)) + " x\n",
        NO_YAML,
    ),
    "a literal indented by 0": (lambda: GOOD + "x: |0\n x\n", NO_YAML),
    "a literal indented by 10": (lambda: GOOD + "x: |10\n x\n", NO_YAML),
    "a literal with an odd header": (lambda: GOOD + "x: |+-2\n x\n", NO_YAML),
    "a long tag": (lambda: filled("t", GOOD + "x: !<", "> y\n"), "changed"),
    "a long tag of escapes": (lambda: filled("%41", GOOD + "x: !<", "> y\n"), "changed"),
    "a long anchor": (lambda: filled("n", GOOD + "x: &", " y\n"), "changed"),
    "a byte order mark again and again": (lambda: filled("\ufeff"), "there is no a.b"),
    "colons": (lambda: filled(": \n"), NO_YAML),
    "carriage returns": (lambda: filled("\r", GOOD), "changed"),
    "other line breaks": (lambda: filled("\x85", GOOD), "changed"),
    "NUL": (lambda: GOOD + "x: \x00", NO_YAML),
    "an escape sequence": (lambda: GOOD + "x: \x1b[2J", NO_YAML),
    "a control byte at the start": (lambda: "\x01" + GOOD, NO_YAML),
    "DEL": (lambda: GOOD + "x: \x7f\n", NO_YAML),
    "a lone surrogate": (lambda: GOOD.encode() + b"x: \xed\xa0\x80\n", "is not UTF-8 at byte"),
    "a lone surrogate as an escape": (lambda: GOOD + 'x: "\\ud800"\n', NO_YAML),
    "a character beyond Unicode": (lambda: GOOD + 'x: "\\U00110000"\n', NO_YAML),
    "half a character": (lambda: GOOD.encode() + b"x: \xf0\x9f\x9a", "is not UTF-8 at byte"),
    "UTF-16 with a mark": (lambda: GOOD.encode("utf-16"), "is not UTF-8 at byte 0"),
    "UTF-16 without": (lambda: GOOD.encode("utf-16-le"), NO_YAML),
    "UTF-32": (lambda: GOOD.encode("utf-32"), "is not UTF-8 at byte 0"),
    "tabs as indentation": (lambda: f"a:\n\tb: {OLD}\n", NO_YAML),
    "a quote that stays open": (lambda: filled("x\n ", GOOD + 'x: "'), NO_YAML),
    "a single quote that stays open": (lambda: GOOD + "x: 'y\n", NO_YAML),
    "a bracket that stays open": (lambda: GOOD + "x: [y, \n", NO_YAML),
    "a Python object": (lambda: GOOD + "x: !!python/object/apply:os.system ['touch /tmp/hostile']\n", "changed"),
    "a Python object as the value": (lambda: f"a: {{b: !!python/name:os.system '{OLD}'}}\n", "an anchor or a tag"),
    "a key twice": (lambda: f"a:\n  b: {OLD}\n  b: {OLD}\n", "stands 2 times"),
    "a key above twice": (lambda: f"a: {{b: {OLD}}}\na: {{c: 1}}\n", "the key 'a' stands 2 times"),
    "another key beside twice": (lambda: f"a: {{b: {OLD}, c: 1, c: 2}}\n", "the key 'c' stands 2 times"),
    "a key twice in other quotes": (lambda: f"\"a\": {{b: {OLD}}}\n'a': 1\n", "the key 'a' stands 2 times"),
    "a key twice far away": (lambda: GOOD + "x: {y: 1, y: 2}\n", "changed"),
    "a key twice that hides bytes": (lambda: 'a: {b: x}\n"\\x1b[2J": 1\n"\\x1b[2J": 2\n', r"the key '\x1b[2J' stands"),
    "a merge key cycle": (lambda: "x: &x {<<: *x}\n" + GOOD, "changed"),
    "a merge key cycle on the way": (lambda: f"a: &x {{<<: *x, b: {OLD}}}\n", "shared through an anchor"),
    "a list that holds itself": (lambda: "x: &x [*x]\n" + GOOD, "changed"),
    "a list of containers that holds itself": (lambda: "containers: &x [*x, {image: *x}]\n" + GOOD, "changed"),
    "a file that holds itself": (lambda: f"&x\na: {{b: {OLD}}}\nc: *x\n", "shared through an anchor"),
    "a key that is a list": (lambda: "? [a, b]\n: c\n" + GOOD, "changed"),
    "a key that is a mapping": (lambda: "? {a: b}\n: c\n? {a: b}\n: c\n" + GOOD, "changed"),
    "a key that is an alias": (lambda: f"x: &x a\n*x : {{b: {OLD}}}\n", "changed"),
    "an alias of nothing": (lambda: GOOD + "x: *nothing\n", "nothing is called *nothing"),
    "a template": (lambda: "{{- if .Values.x }}\n" + GOOD, NO_YAML),
    "a conflict": (lambda: f"<<<<<<< HEAD\n{GOOD}=======\n{GOOD}>>>>>>> other\n", NO_YAML),
    "nothing": (lambda: "", "there is no a.b"),
    "one byte too large": (lambda: GOOD + "#" * 2_000_000, "larger than 2000000 bytes"),
}


@pytest.fixture(scope="module")
def reader() -> Iterator[subprocess.Popen]:
    """The program that reads each file in a process of its own."""
    program = [sys.executable, str(Path(__file__).with_name("hostile_child.py"))]
    with subprocess.Popen(
        program, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("name", CASES)
def test_no_file_stops_us(name: str, tmp_path: Path, reader: subprocess.Popen) -> None:
    write, told = CASES[name]
    content = write()
    file = tmp_path / "file.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    reader.stdin.write(f"{file}\n")
    reader.stdin.flush()
    answer = json.loads(reader.stdout.readline())
    print(answer)
    assert answer["exit"] == 0, answer
    first = answer["said"].split("\n")[0]
    assert told in first
    assert "damaged" not in answer["said"]
    assert first.isprintable(), "nothing of the file may move a terminal's cursor"
